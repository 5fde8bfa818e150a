// When somebody's visit begins and ends: what keeps track of a visit, such as a recording, begins and ends with it.

import { signal } from "./signal";

export interface Who {
  personId: string;
  memberId: string;
  email: string;
  organization: string;
}

export const visitBegan = signal<Who>();
/** By signing out, here or in another tab, or because the session is over. */
export const visitEnded = signal<"signed out" | "over">();
