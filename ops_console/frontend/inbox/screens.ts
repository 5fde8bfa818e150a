// Which screen is shown: what is counted by screen, such as touches, listens here for its name.

import { signal } from "./signal";

export interface Screen {
  /** As heatmaps know it: a message's screen bears the id of its campaign. */
  name: string;
  title: string;
}

export const screenShown = signal<Screen>();

let shown: Screen | null = null;
screenShown.listen((screen) => (shown = screen));
/** Null before the first. */
export const current = (): Screen | null => shown;

export const INBOX: Screen = { name: "Inbox", title: "Inbox" };
export const DEVICES: Screen = { name: "Devices", title: "Devices" };
/** A message that is not here. */
export const MISSING: Screen = { name: "MissingMessage", title: "Message" };
export const SETTINGS: Screen = { name: "Settings", title: "Settings" };
export const messageScreen = (campaignId: string, title: string): Screen => ({
  name: `MessageDetail::${campaignId}`,
  title,
});
