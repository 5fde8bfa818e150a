// Whether this browser rings: its subscription to Web Push, registered as a device of the member.

import { DEVICE, SCOPE } from "../../access/static/access/sharing.js";
import { Platform } from "../gen/pidgr/v1/common_pb";
import { devices, vapidKey } from "./api";
import { Fault } from "./faults";
import { newId } from "./ids";
import { visitBegan } from "./visits";

// The member whom it rings for: a person may be one of several organizations, and a browser has one subscription.
const RINGS = "inbox.rings";
let memberId = "";
visitBegan.listen((who) => (memberId = who.memberId));

export const isSupported = (): boolean =>
  "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

/** The id by which the server knows this browser; made at the first use. */
export function deviceId(): string {
  const kept = localStorage.getItem(DEVICE) ?? newId();
  localStorage.setItem(DEVICE, kept);
  return kept;
}

/** Install the service worker, which rings and keeps the page for when there is no network. */
export async function install(): Promise<void> {
  if ("serviceWorker" in navigator) await navigator.serviceWorker.register("/inbox/worker.js", { scope: SCOPE });
}

/** Ask the reader, first of all for browsers take no late question; subscribe with the organization's key, register. */
export async function ring(): Promise<void> {
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Fault("Notifications of this site are blocked. Allow them in your browser's settings.");
  }
  await register(await subscribe(await vapidKey()));
}

/** Know this browser as a device that is not rung. */
export const registerSilently = (): Promise<void> => registerAs("");

/**
 * Tell the server again if this browser rings: browsers change their subscriptions, and are seen to be alive. Where the
 * organization has another key by now, subscribe with that. Returns whether it did.
 */
export async function renewRegistration(): Promise<boolean> {
  const subscription = isSupported() && isMine() ? await subscribed() : null;
  if (!subscription || !(await isActive())) return false;
  const key = await vapidKey();
  const isOutdated = key !== "" && !isFor(subscription, key);
  await register(isOutdated ? await subscribe(key) : subscription);
  return isOutdated;
}

export async function stop(): Promise<void> {
  if (await isActive()) await devices.deactivate({ deviceId: deviceId() });
  if (isSupported() && isMine()) await (await subscribed())?.unsubscribe();
}

/** Take away notifications of a message that was read here. */
export async function hush(deliveryId: string): Promise<void> {
  const registration = isSupported() ? await navigator.serviceWorker.getRegistration(SCOPE) : null;
  for (const notification of (await registration?.getNotifications({ tag: deliveryId })) ?? []) notification.close();
}

/** Whether it rings, with the organization's key, for the member who is here. */
export async function isRinging(key: string): Promise<boolean> {
  const subscription = isSupported() && isMine() ? await subscribed() : null;
  return subscription !== null && isFor(subscription, key);
}

const isMine = (): boolean => (localStorage.getItem(RINGS) ?? memberId) === memberId;

/** What a browser does not tell is taken to be so. */
function isFor({ options }: PushSubscription, key: string): boolean {
  const own = options.applicationServerKey;
  return !own || base64url(new Uint8Array(own)) === key;
}

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

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

async function register(subscription: PushSubscription): Promise<void> {
  await registerAs(JSON.stringify(subscription));
  localStorage.setItem(RINGS, memberId);
}

async function registerAs(pushToken: string): Promise<void> {
  await devices.register({ deviceId: deviceId(), platform: Platform.WEB, pushToken });
}
