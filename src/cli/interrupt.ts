// An interrupt during a replay with temporary files ends the program as exit() does, so that they go. Not at other times:
// a handler waits for the event loop, and an interrupt must end everything at once that has nothing to put away.

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Catches interrupts until the function that it returns is called. */
export function endOrderly(): () => void {
  const handlers = Object.entries(SIGNALS).map(([signal, code]) => {
    const handler = (): never => process.exit(code);
    process.once(signal, handler);
    return { signal, handler };
  });
  return () => {
    for (const { signal, handler } of handlers) process.removeListener(signal, handler);
  };
}
