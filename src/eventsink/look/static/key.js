// The key of this tab. It comes in the fragment of the address, which no server and no log ever sees.

const PLACE = "eventsink.key";

/** The key that the address brings, which is then taken out of it, else the one that this tab has already. */
export function takeKey() {
  const brought = new URLSearchParams(location.hash.slice(1)).get("key");
  if (brought !== null) {
    history.replaceState(null, "", location.pathname + location.search);
    if (brought) keepKey(brought);
  }
  return sessionStorage.getItem(PLACE);
}

export const keepKey = (key) => sessionStorage.setItem(PLACE, key);

export const forgetKey = () => sessionStorage.removeItem(PLACE);
