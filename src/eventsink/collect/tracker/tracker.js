/* The browser tracker of the Clowder event sink.
 *
 * scripts/tracker makes what is served, t.1.js, of it. Pages name that file with a hash of its content: what is once
 * released is never changed, the next one is t.2.js.
 *
 * It may never be felt by the page: whatever goes wrong in here ends in here. It sets no cookie, and keeps nothing but
 * events that have not arrived yet. What is written tersely is so because every visitor loads it.
 */
((window, document, navigator, location) => {
  const safe =
    (action) =>
    (...args) => {
      try {
        return action(...args);
      } catch {}
    };

  safe(() => {
    const script = document.currentScript || document.querySelector("script[data-key]");
    const options = script.dataset;
    const endpoint = new URL("v1/browser", script.src); // beside the script: the site's own path, which nobody blocks
    const stub = window.eventsink;

    const mine = () => Object.keys(localStorage).filter((name) => /^eventsink:.{36}$/.test(name));

    if (stub?.v) return; // the page has the script twice

    if (navigator.globalPrivacyControl || navigator.doNotTrack == 1 || window.doNotTrack == 1) {
      window.eventsink = () => {};
      safe(() => mine().map((name) => localStorage.removeItem(name)))();
      return;
    }

    /* ---- events that wait: in memory, and in the store of the browser where that can be had ---- */

    const waiting = new Map(); // id → body of its request; one with `sent` is under way
    let delay = 1e4; // milliseconds until what has failed is tried again, then six times as many
    let timer;

    const forget = safe((id) => {
      waiting.delete(id);
      localStorage.removeItem("eventsink:" + id);
    });

    const trim = () =>
      [...waiting]
        .reverse() // of several in one millisecond the last goes on being the newest
        .sort(([, one], [, other]) => other.events[0].time - one.events[0].time)
        .map(([id, body], place) => {
          if (place > 49 || !(Date.now() - body.events[0].time < 48 * 36e5)) forget(id);
        });

    const post = async (id, body) => {
      if (body.sent) return;
      body.sent = Date.now();
      const text = JSON.stringify(body);
      let answer;
      try {
        try {
          // A text makes it a simple request: the browser asks nobody whether it may be sent.
          answer = fetch(endpoint, { method: "POST", body: text, keepalive: true, credentials: "omit" });
        } catch {
          // No fetch, or none any more at the end of a page.
          answer = { status: navigator.sendBeacon(endpoint, text) && 200 };
        }
        answer = await answer;
        if (/^(?!408|429)[24]/.test(answer.status)) {
          delay = 1e4;
          return forget(id);
        }
      } catch {
        answer = 0;
      }
      body.sent = 0;
      const pause = answer.headers?.get("retry-after") * 1e3;
      if (!timer) {
        timer = setTimeout(again, Math.min(pause > delay ? pause : delay, 36e5));
        delay *= 6;
      }
      return answer.status != 500; // which may be due to this event alone
    };

    const again = async () => {
      timer = clearTimeout(timer);
      // What other pages left. Another tab may be sending it just now: ids make that harmless.
      safe(() => {
        for (const name of mine()) {
          const id = name.slice(10);
          if (waiting.has(id)) continue;
          const body = safe(JSON.parse)(localStorage[name]);
          if (body?.events?.[0]?.id != id) forget(id);
          // Another tracker on the same site has another key.
          else if (body.key == options.key) waiting.set(id, { ...body, sent: 0 });
        }
      })();
      trim();
      for (const entry of waiting) {
        if (await post(...entry)) break; // it did not go through, nor would the next
      }
    };

    /* ---- making events ---- */

    let known; // the user, as the site's own API has it
    let held = []; // events that wait until it is known who the user is, and that the page is really shown

    const meta = (name) => document.querySelector(`meta[name="eventsink:${name}"]`)?.content;

    const user = () => options.user || meta("user") || known;

    const dispatch = safe((event) => {
      const body = { v: 1, key: options.key, sent: 0, events: [event] };
      event.user = user() || undefined;
      // Browsers let 64 kB outlive a page, and a character may take three bytes.
      if (JSON.stringify(body).length > 19e3) event.data = {};
      waiting.set(event.id, body);
      safe(() => (localStorage["eventsink:" + event.id] = JSON.stringify(body)))();
      trim();
      post(event.id, body);
    });

    const release = () => {
      const all = held || [];
      held = 0;
      all.map(dispatch);
    };

    // What is empty is left out. Half of a character that takes two would make the whole body invalid.
    const cut = (key, value) => {
      if (typeof value == "string") value = value.slice(0, 500).replace(/[\ud800-\udfff]/gu, "");
      return key >= 0 || value !== "" ? (value ?? undefined) : undefined; // in a list it keeps its place
    };

    const emit = (name, data, time = Date.now(), kind = "traffic.") => {
      if (options.only && !options.only.split(" ").includes(name)) return;
      const event = {
        // crypto.randomUUID is there on https pages only.
        id: "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
          (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16),
        ),
        type: /\./.test(name) ? name : kind + name,
        time,
        data: JSON.parse(JSON.stringify(data, cut)), // as it is now: the page may change it
      };
      held ? held.push(event) : dispatch(event);
    };

    const track = safe((name, data) => emit(name, { ...(typeof data == "object" && data) }, undefined, "browser."));

    const named = (node) => {
      const data = {};
      // A form's field may be called dataset or attributes, and hide those.
      for (const name of node.getAttributeNames())
        if (/^data-event-/.test(name)) data[name.slice(11).replace(/-/g, "_")] = node.getAttribute(name);
      track(node.getAttribute("data-event"), data);
    };

    /* ---- Clowder's addresses ---- */

    const absolute = (address) => new URL(address, document.baseURI);

    const prefix = (options.prefix || "").replace(/\/$/, "");

    const route = (url, pattern) =>
      url.origin == location.origin &&
      url.pathname.startsWith(prefix) &&
      url.pathname
        .slice(prefix.length)
        .match(new RegExp(`^${pattern.replace("ID", "([\\da-f]{24}|[\\da-f-]{36})")}/?$`, "i"));

    // As the page says it, "dataset/64c…", or as the address does.
    const resource = (given, url, pattern) => {
      const found = given ? given.match(/(.*?)\/(.*)/) : url && route(url, pattern);
      return found && { resource_type: found[1], resource_id: found[2] };
    };

    // What is submitted or uploaded, as a function to call when it has succeeded.
    const watch = (method, address, body) => {
      if (!/^post$/i.test(method)) return;
      const url = absolute(address);
      const upload = route(url, "/(?:dataset/submit|api/(?:uploadToDataset|v2/datasets)/ID(?:/files(?:Multiple)?)?)");
      const subject = resource(
        "",
        url,
        "/api/(?:v2/)?(?:selected/submit|(file|dataset)s)/ID/(?:extract(?:ions)?|[\\da-f%,-]{24,})",
      );
      const files = upload && safe(() => [...body.values()].filter((value) => value.size >= 0))();
      const asked = subject && safe(JSON.parse)(body);
      const data = upload
        ? {
            dataset_id: upload[1] || safe(() => body.get("datasetid"))(),
            items: files?.length,
            bytes: files?.reduce((sum, file) => sum + file.size, 0),
          }
        : {
            ...subject,
            resource_type: subject?.resource_type || "dataset", // what is selected is files of one
            extractor_name: asked?.extractor || asked?.extractorName || url.searchParams.get("extractorName"),
          };
      data.url = location.href;
      if (upload || subject) return () => emit(upload ? "upload_finished" : "extraction_submitted", data);
    };

    /* ---- pages ---- */

    let shown; // the address that was last counted
    let before = document.referrer;
    let pending; // a page view whose title and resource are not read yet

    const settle = safe(() => {
      const count = pending;
      pending = 0;
      count?.();
    });

    const address = () => ("hash" in options ? location.href : location.href.split("#")[0]);

    const view = () => {
      const here = address();
      if (here == shown) return;
      settle();
      shown = here;
      const time = Date.now();
      const url = location.href;
      const referrer = before;
      before = url;
      pending = () => {
        const at = absolute(url);
        const found = resource(
          options.resource || meta("resource"),
          at,
          "/(?:public_)?(file|dataset|collection|space)s?/ID",
        );
        const data = { url, referrer, title: document.title, language: navigator.language };
        emit("page_view", { ...data, ...found, screen: screen.width + "x" + screen.height }, time);
        const of = (name) => at.searchParams.get(name);
        if (found) emit("resource_viewed", { ...found, dataset_id: of("dataset"), space_id: of("space") }, time);
      };
      setTimeout(settle, 100); // applications write the title after the address
    };

    const bare = (text) => text.replace(/\?[^#]*/g, "");

    /* ---- what the page does ---- */

    // In the capturing phase of the window: nobody on the page has stopped the event yet.
    const on = (names, action) => names.split(" ").map((name) => addEventListener(name, safe(action), true));

    // A proxy has the name, the length and all else of the function behind it, and stands where that stood.
    const wrap = safe((owner, name, hook) => {
      while (!owner.hasOwnProperty(name)) owner = Object.getPrototypeOf(owner);
      owner[name] = new Proxy(owner[name], {
        apply(target, self, args) {
          const after = safe(hook)(self, args);
          const result = Reflect.apply(target, self, args);
          if (after) safe(after)(result);
          return result;
        },
      });
    });

    track.v = 1;
    window.eventsink = track;

    wrap(history, "pushState", () => view);
    wrap(history, "replaceState", () => () => {
      // A query that is replaced is a filter that somebody types, not another page.
      if (bare(address()) == bare(shown)) shown = address();
      else view();
    });
    on("popstate hashchange", view);
    on("pageshow", (event) => {
      if (!event.persisted) return;
      shown = before = "";
      view();
    });

    const opened = new WeakMap();
    wrap(XMLHttpRequest.prototype, "open", (request, args) => {
      opened.set(request, args);
    });
    wrap(XMLHttpRequest.prototype, "send", (request, [body]) => {
      const args = opened.get(request);
      const done = watch(args[0], args[1], body);
      if (done)
        request.addEventListener(
          "load",
          // The same object may have been opened for something else, when this was given up.
          safe(() => opened.get(request) == args && /^2/.test(request.status) && done()),
        );
    });
    wrap(window, "fetch", (_, [request, init]) => {
      const done = watch(init?.method || request.method, request.url || request, init?.body);
      // No other promise is touched: a rejection that somebody listens to is none that the page is told of.
      return done && ((result) => result.then(safe((answer) => answer.ok && done()), () => {}));
    });

    on("click auxclick", (event) => {
      if (event.button != (event.type != "click")) return; // the left button clicks, the middle one auxclicks
      const find = (selector) => event.composedPath().find((node) => node.matches?.(selector));
      const link = find("a[href],area[href]");
      const marked = find("[data-event]:not(form)");
      if (marked && (link || !event.button)) named(marked);
      const url = link && absolute(link.getAttribute("href"));
      const found = resource(
        find("[data-download]")?.getAttribute("data-download"),
        url,
        "(?=.*/(?:blob|download)$|/api.*files/)(?:/api(?:/v2)?)?/(?:public_)?(file|dataset)s/ID(?:/blob|/download)?",
      );
      if (found) emit("resource_downloaded", found);
      else if (/^http/.test(url?.protocol) && url.host != location.host)
        emit("link_followed", { url: location.href, link: url.href });
    });
    on("submit", (event) => event.target.getAttribute("data-event") && named(event.target));

    on("online", again);
    on("pagehide", () => {
      settle();
      if (!document.prerendering) release();
      // Browsers without keepalive end requests with their page.
      if (!("keepalive" in Request.prototype))
        for (const [, body] of waiting) body.sent && navigator.sendBeacon(endpoint, JSON.stringify(body));
    });

    const begin = async () => {
      try {
        view();
        for (const call of stub?.q || []) track(...call);
        again();
        if (options.me && !user()) {
          setTimeout(release, 2e3);
          const answer = await fetch(options.me, { mode: "same-origin" });
          const id = answer.headers.get("x-user-id") || (await answer.json()).id;
          if (answer.ok && /[^0]/.test(id || 0)) known = id + "";
        }
      } catch {}
      release();
    };
    if (document.prerendering) on("prerenderingchange", begin);
    else begin();
  })();
})(window, document, navigator, location);
