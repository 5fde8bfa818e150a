// The member's settings, and the way out.

import { attempt, button, element, heading, say } from "./elements";
import { choose, current, THEMES } from "./theme";
import type { Who } from "./visits";

export function settingsView(who: Who, leave: () => Promise<void>): HTMLElement[] {
  return [
    heading("Settings"),
    element("fieldset", {}, element("legend", {}, "Theme"), ...THEMES.map(choice)),
    element("h2", {}, "Account"),
    element("p", {}, `${who.email}, ${who.organization}`),
    element("p", {}, element("a", { href: "/signin" }, "Passkeys and organizations")),
    button("Sign out", leave),
    element("p", { class: "quiet" }, "Signing out deletes what this browser has kept, and it rings no more."),
  ];
}

function choice({ theme, name, label }: (typeof THEMES)[number]): HTMLElement {
  const input = element("input", { type: "radio", name: "theme", value: name });
  input.checked = theme === current();
  input.addEventListener("change", () =>
    attempt(async () => {
      try {
        await choose(theme);
        say({ note: `Theme: ${label}.` });
      } finally {
        for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=theme]")) {
          radio.checked = radio.value === document.documentElement.dataset.theme;
        }
      }
    }),
  );
  return element("label", { class: "choice" }, input, label);
}
