// nftreplay/vitest: `import 'nftreplay/vitest'` gives vitest's expect() matchers for routers and packets, with types and
// snapshot serialisers. docs/VITEST.md shows them.
import { expect } from 'vitest';
import type { PacketExpectation } from '../suite/schema.ts';
import { TestRouter, type TestRouterOptions } from '../suite/test-router.ts';
import type { Translation } from '../suite/translation.ts';
import { matchers } from './matchers.ts';
import { passageSerializer, routerSerializer } from './serializers.ts';

export type { TestRouterOptions, TriedPacket } from '../suite/test-router.ts';
export { matchers, passageSerializer, routerSerializer, TestRouter };

/** A router with its state; make one for each test. Throws for a ruleset or router that cannot be used. */
export function createRouter(options: TestRouterOptions): TestRouter {
  return new TestRouter(options);
}

interface RouterMatchers<R = unknown> {
  /** Forwarded, or delivered to the router itself. On a router: after sending the packet line. */
  toAccept(packet?: string): R;
  toDrop(packet?: string): R;
  /** Dropped, and by this rule (or policy): (rule) about the packet sent last, or (packet, rule). */
  toDropWith(packetOrRule: string, rule?: string): R;
  /** Forwarded through this interface: (interface), or (packet, interface). */
  toForwardTo(packetOrInterface: string, interfaceName?: string): R;
  /** Forwarded with this source or destination, or 'none': (nat), or (packet, nat). */
  toTranslate(packetOrNat: string | Translation, nat?: 'none' | Translation): R;
  /** A packet: went the fast path. A router: of a connection that begins with this packet, later packets of both ways do. */
  toOffload(packet?: string): R;
  /** Everything that a suite's `expect` can say: (expectation), or (packet, expectation). */
  toFare(packetOrExpectation: string | PacketExpectation, expectation?: PacketExpectation): R;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: vitest's own declaration of it
  interface Matchers<T = any> extends RouterMatchers<T> {}
}

expect.extend(matchers);
expect.addSnapshotSerializer(passageSerializer);
expect.addSnapshotSerializer(routerSerializer);
