// The service worker: rings, opens what was rung for, and keeps the page for when there is no network.

const worker = self as unknown as ServiceWorkerGlobalScope;

const PAGE = "/inbox";
const KEPT = "inbox";
// The page is the same for everybody.
const SHELL = [PAGE, "/static/inbox/inbox.js", "/static/inbox/inbox.css"];

// Kept when somebody has wanted it.
const ON_DEMAND = ["/static/inbox/recorder.js"];

interface Pushed {
  title?: string;
  body?: string;
  deliveryId?: string;
}

worker.addEventListener("install", (event) => {
  event.waitUntil(keepShell());
  void worker.skipWaiting();
});

worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  const isOurs = event.request.method === "GET" && origin === location.origin && [...SHELL, ...ON_DEMAND].includes(pathname);
  if (isOurs) event.respondWith(fetchOrKept(event.request, pathname));
});

worker.addEventListener("push", (event) => event.waitUntil(ring(read(event.data))));

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(String((event.notification.data as Pushed).deliveryId ?? "")));
});

async function keepShell(): Promise<void> {
  const cache = await caches.open(KEPT);
  for (const path of SHELL) {
    const response = await fetch(path, { cache: "reload" });
    // Without a session it leads to the sign-in page.
    if (!isShell(response)) throw new Error(`${path} is not to be had.`);
    await cache.put(path, response);
  }
}

async function fetchOrKept(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(KEPT);
  try {
    const response = await fetch(request);
    if (isShell(response)) await cache.put(path, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(path);
    if (!kept) throw error;
    return kept;
  }
}

const isShell = (response: Response): boolean => response.ok && !response.redirected;

function read(data: PushMessageData | null): Pushed {
  try {
    return (data?.json() ?? {}) as Pushed;
  } catch {
    return {};
  }
}

/** Show a notification, in place of an earlier one of the same delivery; pages that are open fetch the message. */
async function ring(pushed: Pushed): Promise<void> {
  const { title = "A message for you", body = "", deliveryId = "" } = pushed;
  for (const client of await pages()) client.postMessage({ rang: deliveryId });
  await worker.registration.showNotification(title, { body, tag: deliveryId, data: { deliveryId } });
}

/** In a page that is open already, else in a new one. */
async function open(deliveryId: string): Promise<void> {
  const [page] = await pages();
  if (!page) {
    await worker.clients.openWindow(deliveryId ? `${PAGE}?message=${deliveryId}` : PAGE);
    return;
  }
  page.postMessage({ open: deliveryId });
  await page.focus();
}

async function pages(): Promise<readonly WindowClient[]> {
  const all = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  return all.filter((client) => new URL(client.url).pathname === PAGE);
}

export {};
