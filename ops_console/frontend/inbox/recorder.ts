// A script of its own: it is loaded when somebody has agreed to be recorded.

export { record } from "@rrweb/record";
