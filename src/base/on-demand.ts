// What only some runs need, made or loaded when they do: starting up is a large part of a short replay.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** A function that returns the value of `make`, made at its first call. */
export function onDemand<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** zod: 50 ms. */
export const zod = onDemand(() => require('zod') as typeof import('zod'));
/** yaml: 35 ms. */
export const yaml = onDemand(() => require('yaml') as typeof import('yaml'));
