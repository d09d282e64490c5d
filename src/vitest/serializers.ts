// Snapshots: a packet as its walk, a router as its ruleset with counters and sets, and its connections.
import { visible } from '../report/format.ts';
import { TestRouter, type TriedPacket } from '../suite/test-router.ts';
import { walkText } from './matchers.ts';

/** What vitest asks of a serialiser. */
interface Serializer {
  test(value: unknown): boolean;
  serialize(value: unknown): string;
}

export const passageSerializer: Serializer = {
  test: (value) =>
    typeof value === 'object' && value !== null && (value as Partial<TriedPacket>).router instanceof TestRouter,
  serialize: (value) => {
    const tried = value as TriedPacket;
    const sent = tried.sent.map((row) => `${row.interface} > ${row.line}`);
    return [tried.line, ...sent, '', walkText(tried.router, tried)].map(visibleText).join('\n');
  },
};

export const routerSerializer: Serializer = {
  test: (value) => value instanceof TestRouter,
  serialize: (value) => {
    const router = value as TestRouter;
    return [router.listing().trimEnd(), '', ...router.conntrack()].map(visibleText).join('\n');
  },
};

/** Tabs and line breaks stay: a listing has them. */
function visibleText(text: string): string {
  return text
    .split('\n')
    .map((row) => row.split('\t').map(visible).join('\t'))
    .join('\n');
}
