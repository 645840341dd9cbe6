/** How long, how many: the measures of telemetry. Times are in milliseconds. */

/** A session ends after so long without an event. */
export const idle = 18e5;
/** A session ends after so long anyhow. */
export const day = 864e5;
/** After so long every tab surely reads what one of them wrote. */
export const settling = 100;
/** So long events wait for company. */
export const soon = 300;
/** Half of the pause before the second attempt of a call; doubled each time. */
export const pause = 1e3;
/** The longest pause. */
export const longest = 3e5;
/** Events in a call, at most. */
export const most = 50;
/** Calls that wait, at most. */
export const calls = 9;
/** A browser refuses to keep more than 64 KiB alive; characters of a body that it surely does. */
export const alive = 6e4;
