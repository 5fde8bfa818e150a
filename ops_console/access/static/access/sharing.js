// A browser that people share: whoever comes finds nothing that the inbox kept of another, and it rings for nobody who
// left.

import { callSignedIn, enter as enterSession, leave } from "./session.js";

/** The inbox's databases begin with it; and its other values with the second. */
export const DATABASES = "inbox:";
const VALUES = "inbox.";
export const WHO = "inbox.who";
export const DEVICE = "inbox.device";
// Of the browser rather than of a person.
const STAYING = new Set([DEVICE, "inbox.theme"]);
/** With a member's id: what he has agreed to no longer and the server has not heard yet, which nobody else may undo. */
export const WITHDRAWN = "inbox.withdrawn:";
export const SCOPE = "/inbox";

/** The inbox in other tabs. */
export const others = new BroadcastChannel("inbox");

/** Sign out, and forget; what is in the way of ending this browser as a device is not in the way of leaving. */
export async function signOut() {
  await endDevice().catch(() => {});
  await leave();
  await forget();
}

/** Sign in, or refresh, as session.js does; who was here before is forgotten if it was somebody else. */
export async function enter(path, body) {
  const entered = await enterSession(path, body);
  const before = JSON.parse(localStorage.getItem(WHO) ?? "null");
  if (before && entered.access_token && before.personId !== entered.person.id) await forget();
  return entered;
}

async function forget() {
  await silence().catch(() => {});
  for (const storage of [localStorage, sessionStorage]) {
    const isForgotten = (name) => name.startsWith(VALUES) && !STAYING.has(name) && !name.startsWith(WITHDRAWN);
    const names = Object.keys(storage).filter(isForgotten);
    names.forEach((name) => storage.removeItem(name));
  }
  const kept = (await indexedDB.databases()).filter(({ name }) => name?.startsWith(DATABASES));
  await Promise.all(kept.map(({ name }) => deleted(name)));
  others.postMessage("ended");
}

async function endDevice() {
  const deviceId = localStorage.getItem(DEVICE);
  if (!deviceId) return;
  const { devices } = await callSignedIn("/pidgr.v1.DeviceService/ListDevices", { body: {} });
  const isActive = devices?.some((device) => device.deviceId === deviceId && device.active);
  if (isActive) await callSignedIn("/pidgr.v1.DeviceService/Deactivate", { body: { deviceId } });
}

/** Take away the subscription, and what has rung. */
async function silence() {
  const registration = await navigator.serviceWorker?.getRegistration(SCOPE);
  if (!registration) return;
  for (const notification of await registration.getNotifications()) notification.close();
  await (await registration.pushManager?.getSubscription())?.unsubscribe();
}

const deleted = (name) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
