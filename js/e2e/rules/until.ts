/** Waits until something holds. A question that a navigation interrupts is asked again. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const end = Date.now() + ms;
  for (let fault: unknown; ; ) {
    try {
      if (await holds()) return;
      fault = undefined;
    } catch (error) {
      fault = error;
    }
    if (Date.now() > end) throw new Error(`never happened: ${what}`, { cause: fault });
    await pause(25);
  }
}

/** Lets time pass. */
export const pause = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));
