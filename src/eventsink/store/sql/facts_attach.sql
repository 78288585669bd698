ATTACH '{file}' AS facts (STORAGE_VERSION 'v1.5.0')
