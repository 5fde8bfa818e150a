// The member's devices: which there are, which of them is this browser, and whether it rings.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Platform } from "../gen/pidgr/v1/common_pb";
import type { DeviceSummary } from "../gen/pidgr/v1/device_pb";
import { devices, vapidKey } from "./api";
import { button, byId, element, heading, own, say, time } from "./elements";
import * as ringing from "./ringing";

const NAMES: Partial<Record<Platform, string>> = {
  [Platform.IOS]: "iPhone or iPad",
  [Platform.ANDROID]: "Android device",
  [Platform.WEB]: "Web browser",
};

export async function devicesView(again: () => Promise<void>): Promise<HTMLElement[]> {
  const [listed, key] = await Promise.all([devices.listDevices({}), vapidKey()]);
  const isRinging = await ringing.isRinging(key);
  const mine = listed.devices.find(isThis);
  const after = (act: () => Promise<void>, note: string) => async () => {
    await act();
    await again();
    byId("title").focus();
    say({ note });
  };
  const items = listed.devices.map((device) => item(device, after));
  return [
    heading("Devices"),
    own("h2", {}, "This browser"),
    ...here({ isRinging: Boolean(mine?.active && isRinging), isKnown: Boolean(mine?.active), key }, after),
    own("h2", { id: "all" }, "All your devices"),
    items.length ? element("ul", { class: "devices", "aria-labelledby": "all" }, ...items) : own("p", {}, "None yet."),
  ];
}

type After = (act: () => Promise<void>, note: string) => () => Promise<void>;

interface Standing {
  isRinging: boolean;
  isKnown: boolean;
  /** The organization's; empty if it has none. */
  key: string;
}

function here({ isRinging, isKnown, key }: Standing, after: After): HTMLElement[] {
  if (isRinging) {
    const silence = button("Stop ringing", after(ringing.stop, "This browser does not ring any more."));
    return [own("p", {}, "It rings when a message arrives."), silence];
  }
  const makeKnown = button("Register without ringing", after(ringing.registerSilently, "This browser is registered."));
  if (!ringing.isSupported() || !key) {
    const why = key
      ? "It cannot ring: it has no notifications, or this page was not opened over HTTPS."
      : "It cannot ring: your organization has not set up notifications for browsers.";
    return isKnown ? [own("p", {}, why)] : [own("p", {}, why), makeKnown];
  }
  const told = own("p", {}, isKnown ? "It is registered and does not ring." : "It does not ring.");
  const begin = after(ringing.ring, "This browser rings from now on.");
  const start = button("Ring when a message arrives", begin, { class: "primary" });
  return isKnown ? [told, start] : [told, start, makeKnown];
}

function item(device: DeviceSummary, after: After): HTMLElement {
  const name = NAMES[device.platform] ?? "Device";
  const seen = device.lastSeen ? timestampMs(device.lastSeen) : 0;
  const text = element("span", {}, isThis(device) ? `${name} (this one)` : name, element("small", { class: "quiet" }));
  text.lastElementChild?.append(device.active ? "seen " : "ended, seen ", time(seen));
  const end = isThis(device) ? ringing.stop : async () => void (await devices.deactivate({ deviceId: device.deviceId }));
  const label = `Deactivate ${text.textContent}`;
  const id = `end-${device.deviceId}`;
  const control = device.active
    ? button("Deactivate", after(end, `${name}: nothing is sent to it any more.`), { id, "aria-label": label })
    : null;
  return element("li", {}, text, control);
}

const isThis = (device: DeviceSummary): boolean => device.deviceId === ringing.deviceId();
