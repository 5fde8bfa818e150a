// The service worker: rings, opens what was rung for, and keeps the page for when there is no network.

const worker = self as unknown as ServiceWorkerGlobalScope;

/** A digest of what the page is built of, which the build puts in; every part bears it. */
declare const VERSION: string;

const PAGE = "/inbox";
const KEPT = `inbox-${VERSION}`;
const file = (name: string): string => `/static/inbox/${name}?${VERSION}`;
// The page is the same for everybody.
const SHELL = [PAGE, file("inbox.js"), file("inbox.css")];
// The last is kept when somebody has wanted it.
const FILES = [file("inbox.js"), file("inbox.css"), file("recorder.js")];

interface Pushed {
  title?: string;
  body?: string;
  deliveryId?: string;
}

worker.addEventListener("install", (event) => {
  event.waitUntil(keepShell());
  void worker.skipWaiting();
});

worker.addEventListener("activate", (event) => event.waitUntil(begin()));

worker.addEventListener("fetch", (event) => {
  const { origin, pathname, search } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin) return;
  if (pathname === PAGE) event.respondWith(page(event.request));
  if (FILES.includes(pathname + search)) event.respondWith(part(event.request, pathname + search));
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
    if (!(await isOfThisVersion(response))) throw new Error(`${path} is not to be had.`);
    await cache.put(path, response);
  }
}

/** In place of the worker before, and of what that has kept. */
async function begin(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith("inbox") && name !== KEPT) await caches.delete(name);
  await worker.clients.claim();
}

/** As the server has it; where there is no server, or one in trouble, as it was kept. */
async function page(request: Request): Promise<Response> {
  const response = await fetch(request).catch(() => Response.error());
  // Where it leads elsewhere, to signing in, browsers tell no status.
  const isAnswer = response.type !== "error" && response.status < 500;
  return isAnswer ? response : ((await caches.match(PAGE)) ?? response);
}

async function part(request: Request, path: string): Promise<Response> {
  const kept = await caches.match(path);
  if (kept) return kept;
  const response = await fetch(request);
  if (await isOfThisVersion(response)) await (await caches.open(KEPT)).put(path, response.clone());
  return response;
}

/** Without a session the page leads to signing in; while a release is put out, servers have either version. */
async function isOfThisVersion(response: Response): Promise<boolean> {
  return response.ok && !response.redirected && (await response.clone().text()).includes(VERSION);
}

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
