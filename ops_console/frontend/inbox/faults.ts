// What went wrong, in a sentence for the reader.

import { Code, ConnectError } from "@connectrpc/connect";
import { Refusal } from "../../access/static/access/session.js";

/** Its message is for the reader. */
export class Fault extends Error {}

// What trying again cannot mend. A method the server does not know yet or any more is none of these.
const FINAL = new Set([Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition, Code.PermissionDenied]);
const UNANSWERED = new Set([Code.Canceled, Code.DeadlineExceeded]);

/** Whether the server has refused for good; else it may be tried again. */
export const isFinal = (error: unknown): boolean => error instanceof ConnectError && FINAL.has(error.code);

/** Whether the server, or something before it, has answered at all. */
export const isAnswered = (error: unknown): boolean =>
  error instanceof ConnectError && error.cause === undefined && !UNANSWERED.has(error.code);

export function reason(error: unknown): string {
  if (error instanceof ConnectError && isFinal(error)) return error.rawMessage;
  if (error instanceof Fault || error instanceof Refusal) return error.message;
  // Of IndexedDB and of notifications; those of calls come within a ConnectError.
  if (error instanceof DOMException) return `This browser could not do it: ${error.message || error.name}`;
  if (!navigator.onLine) return "You are offline. Try again when you are back.";
  return "The server did not answer. Try again in a moment.";
}
