// Whether this browser rings: its subscription to Web Push, registered as a device of the member.

import { Platform } from "../gen/pidgr/v1/common_pb";
import { devices } from "./api";
import { Fault } from "./faults";

export const SCOPE = "/inbox";
const DEVICE = "inbox.device";

export const isSupported = (): boolean =>
  "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

/** The id by which the server knows this browser; made at the first use. */
export function deviceId(): string {
  const kept = localStorage.getItem(DEVICE) ?? crypto.randomUUID();
  localStorage.setItem(DEVICE, kept);
  return kept;
}

/** Install the service worker, which rings and keeps the page for when there is no network. */
export async function install(): Promise<void> {
  if ("serviceWorker" in navigator) await navigator.serviceWorker.register("/inbox/worker.js", { scope: SCOPE });
}

/** Ask the reader, first of all for browsers take no late question; subscribe with the organization's key, register. */
export async function ring(key: string): Promise<void> {
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Fault("Notifications of this site are blocked. Allow them in your browser's settings.");
  }
  await register(await subscribe(key));
}

/** Know this browser as a device that is not rung. */
export const registerSilently = (): Promise<void> => registerAs("");

/** Tell the server again if this browser rings: browsers change their subscriptions, and are seen to be alive. */
export async function renewRegistration(): Promise<void> {
  const subscription = isSupported() ? await subscribed() : null;
  if (subscription && (await isActive())) await register(subscription);
}

export async function stop(): Promise<void> {
  if (await isActive()) await devices.deactivate({ deviceId: deviceId() });
  if (isSupported()) await (await subscribed())?.unsubscribe();
}

/** Take away notifications of a message that was read here. */
export async function hush(deliveryId: string): Promise<void> {
  const registration = isSupported() ? await navigator.serviceWorker.getRegistration(SCOPE) : null;
  for (const notification of (await registration?.getNotifications({ tag: deliveryId })) ?? []) notification.close();
}

export const isRinging = async (): Promise<boolean> => isSupported() && (await subscribed()) !== null;

async function isActive(): Promise<boolean> {
  const listed = await devices.listDevices({});
  return listed.devices.some((device) => device.deviceId === deviceId() && device.active);
}

async function subscribed(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** With another key than before the old subscription goes: a browser has one. */
async function subscribe(key: string): Promise<PushSubscription> {
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  try {
    return await pushManager.subscribe(options);
  } catch (error) {
    if ((error as DOMException).name !== "InvalidStateError") throw error;
    await (await pushManager.getSubscription())?.unsubscribe();
    return pushManager.subscribe(options);
  }
}

const register = (subscription: PushSubscription): Promise<void> => registerAs(JSON.stringify(subscription));

async function registerAs(pushToken: string): Promise<void> {
  await devices.register({ deviceId: deviceId(), platform: Platform.WEB, pushToken });
}
