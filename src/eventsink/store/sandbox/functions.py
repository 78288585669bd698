"""The functions that a query may use: all others are refused, so a later DuckDB adds nothing by itself.

Not among them: what reads the machine, its files and settings, or other tables; what changes anything; what runs text
as a query; what takes the square of a text's length, as `levenshtein` does; and what makes much of little, as `repeat`
and `replace` do: a single value lies outside of DuckDB's limit of memory.
"""

__all__ = ["FUNCTIONS", "TABLE_FUNCTIONS"]

TABLE_FUNCTIONS = frozenset(("generate_series", "json_each", "range", "unnest"))

_OPERATORS = """
!~~ !~~* % & && * ** + - ->> -> / // < <-> << <= <=> <@ = > >= >> @> ^ ^@ | || ~ ~~ ~~* ~~~ !__postfix
"""
_AGGREGATES = """
any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null argmax
argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if count_star countif covar_pop covar_samp
entropy favg first fsum group_concat histogram kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by mean
median min min_by mode product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept
regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg
sum sumkahan var_pop var_samp variance geomean geometric_mean wavg weighted_avg json_group_array json_group_object
grouping grouping_id
"""
_WINDOWS = """
cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number
"""
_NUMBERS = """
abs acos asin atan atan2 cbrt ceil ceiling cos cot degrees divide even exp factorial fdiv floor fmod gamma gcd greatest
greatest_common_divisor isfinite isinf isnan lcm least least_common_multiple lgamma ln log log10 log2 mod multiply
nextafter pi pow power radians random round round_even setseed sign signbit sin sqrt subtract add tan trunc xor bin hex
from_hex unhex to_hex bit_count hash md5 sha1 sha256 equi_width_bins
"""
_TEXTS = """
ascii bit_length char_length character_length chr concat concat_ws contains
ends_with format_bytes formatReadableSize formatReadableDecimalSize from_base64 ilike_escape instr
lcase left left_grapheme length length_grapheme len
like_escape lower ltrim nfc_normalize not_ilike_escape not_like_escape octet_length ord parse_dirname
parse_dirpath parse_filename parse_path position prefix pg_size_pretty regexp_escape regexp_extract regexp_extract_all
regexp_full_match regexp_matches regexp_split_to_array reverse right right_grapheme rtrim split
split_part starts_with str_split str_split_regex string_split string_split_regex string_to_array strip_accents strlen
strpos substr substring substring_grapheme suffix to_base64 base64 trim ucase unicode upper url_decode
url_encode
"""
_TIMES = """
age ago century current_date current_localtime current_localtimestamp date_add date_diff date_part date_sub date_trunc
datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms
epoch_ns epoch_us era get_current_time get_current_timestamp hour isodow isoyear julian last_day make_date make_time
make_timestamp make_timestamp_ms microsecond millennium millisecond minute month monthname nanosecond now quarter second
strftime strptime time_bucket timezone timezone_hour timezone_minute to_centuries to_days to_decades to_hours
to_microseconds to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years today
transaction_timestamp try_strptime week weekday weekofyear year yearweek
"""
_JSON = """
array_to_json from_json from_json_strict json json_array json_array_length json_contains json_exists json_extract
json_extract_path json_extract_path_text json_extract_string json_keys json_merge_patch json_object json_pretty
json_quote json_structure json_transform json_transform_strict json_type json_valid json_value row_to_json to_json
"""
_LISTS = """
apply array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains array_distinct
array_extract array_filter array_has array_has_all array_has_any array_indexof array_intersect array_length
array_position array_prepend array_reverse array_reverse_sort array_select array_slice array_sort
array_transform array_unique array_value array_where array_zip cardinality element_at filter flatten list_aggr
list_aggregate list_any_value list_append list_apply list_avg list_bool_and list_bool_or list_cat list_concat
list_contains list_count list_distinct list_element list_extract list_filter list_first list_grade_up list_has
list_has_all list_has_any list_histogram list_indexof list_intersect list_last list_max list_median list_min list_mode
list_pack list_position list_prepend list_product list_reverse list_reverse_sort list_select list_slice
list_sort list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform list_unique list_value list_var_pop
list_var_samp list_where list_zip map map_concat map_contains map_entries map_extract map_extract_value map_from_entries
map_keys map_values row struct_concat struct_extract struct_extract_at struct_insert struct_keys struct_pack
struct_values unnest unpivot_list
"""
_OTHERS = """
coalesce constant_or_null error gen_random_uuid if ifnull nullif switch typeof uuid uuid_extract_timestamp
uuid_extract_version uuidv4 uuidv7 alias
"""

FUNCTIONS = frozenset(
    name.lower()
    for names in (_OPERATORS, _AGGREGATES, _WINDOWS, _NUMBERS, _TEXTS, _TIMES, _JSON, _LISTS, _OTHERS)
    for name in names.split()
)
