// Light, dark, or as the device is: the member's setting, kept here so that the next visit begins with it.

import { create } from "@bufbuild/protobuf";
import { ThemePreference as Theme, UserSettingsSchema } from "../gen/pidgr/v1/user_pb";
import { members } from "./api";

const KEPT = "inbox.theme";

export const THEMES = [
  { theme: Theme.SYSTEM, name: "system", label: "As this device is" },
  { theme: Theme.LIGHT, name: "light", label: "Light" },
  { theme: Theme.DARK, name: "dark", label: "Dark" },
] as const;

const named = (theme: Theme) => THEMES.find((one) => one.theme === theme) ?? THEMES[0];

export function current(): Theme {
  return THEMES.find(({ name }) => name === localStorage.getItem(KEPT))?.theme ?? Theme.SYSTEM;
}

export function wear(theme: Theme): void {
  const { name } = named(theme);
  localStorage.setItem(KEPT, name);
  document.documentElement.dataset.theme = name;
}

export async function fetchTheme(): Promise<void> {
  const { settings } = await members.getUserSettings({});
  wear(settings?.themePreference ?? Theme.SYSTEM);
}

/** Wear it once the server knows. */
export async function choose(theme: Theme): Promise<void> {
  await members.updateUserSettings({ settings: create(UserSettingsSchema, { themePreference: theme }) });
  wear(theme);
}
