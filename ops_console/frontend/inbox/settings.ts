// The member's settings, and the way out.

import { consentsView } from "./asking";
import { attempt, button, element, heading, own, say } from "./elements";
import { choose, current, THEMES } from "./theme";
import type { Who } from "./visits";

export function settingsView(who: Who, leave: () => Promise<void>): HTMLElement[] {
  return [
    heading("Settings"),
    element("fieldset", {}, own("legend", {}, "Theme"), ...THEMES.map(choice)),
    consentsView(),
    own("h2", {}, "Account"),
    element("p", {}, `${who.email}, ${who.organization}`),
    element("p", {}, own("a", { href: "/signin" }, "Passkeys and organizations")),
    button("Sign out", leave),
    own("p", { class: "quiet" }, "Signing out deletes what this browser has kept, and it rings no more."),
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
  return own("label", { class: "choice" }, input, label);
}
