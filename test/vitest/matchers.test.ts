// nftreplay/vitest as a user writes it.
import { resolve } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createRouter, passageSerializer, routerSerializer, type TestRouter } from '../../src/vitest/index.ts';

const CAPTURES = resolve(import.meta.dirname, '../../captures');
const WEB = 'br-lan < tcp 192.168.1.10:40000 > 198.51.100.7:443 S';

describe('the home router', () => {
  let router: TestRouter;
  beforeEach(() => {
    router = createRouter({
      ruleset: resolve(CAPTURES, 'home-router.nft'),
      router: resolve(CAPTURES, 'home-router.yaml'),
    });
  });

  it('lets the LAN out, masqueraded', () => {
    expect(router).toAccept(WEB);
    expect(router).toForwardTo('wan');
    expect(router).toTranslate({ snat: '203.0.113.1:40000' });
    expect(router).toFare({ verdict: 'forward', rule: 'oifname "wan" counter accept', frame: { 'ip ttl': 63 } });
    expect(router.send('wan < reply SA')).toForwardTo('br-lan');
  });

  it('offloads connections, and not those of a banned device', () => {
    expect(router).toOffload(WEB);
    expect(router).toOffload('br-lan < udp 192.168.1.10:5000 > 198.51.100.7:443');
    expect(router).not.toOffload('br-lan < tcp 192.168.1.66:40000 > 198.51.100.7:443 S');
  });

  it('drops a banned device by its rule', () => {
    const packet = 'br-lan < udp 192.168.1.66:5000 > 198.51.100.7:53';
    expect(router).toDrop(packet);
    expect(router).toDropWith('a banned device');
    expect(router).toDropWith(packet, 'a banned device');
    expect(router).not.toAccept(packet);
    expect(router.send(packet)).toDrop();
    expect(router.send(packet).decidedBy).toEqual(['a banned device']);
  });

  it('forwards its port', () => {
    expect(router).toTranslate('wan < tcp 198.51.100.99:1234 > 203.0.113.1:8443 S', { dnat: '192.168.1.40:443' });
  });

  it('a failure shows what was expected, what came, and the walk', () => {
    const message = failure(() => expect(router).toDropWith(WEB, 'a banned device'));
    expect(message).toContain(`toDropWith: ${WEB}`);
    expect(message).toMatch(/verdict\n\s+expected {2}drop\n\s+got {7}forward/);
    expect(message).toMatch(/rule\n\s+expected {2}a banned device\n\s+got {7}.*home-router\.nft:\d+/);
    expect(message).toContain('trace id');
    expect(message).toContain('oifname "wan" counter');
  });

  it('a negated failure says what the packet did', () => {
    expect(failure(() => expect(router).not.toAccept(WEB))).toContain('it did: { verdict: accept }');
  });

  it('an unknown rule is no pass', () => {
    expect(failure(() => expect(router).toDropWith(WEB, 'a bannd device'))).toContain(
      "did you mean 'a banned device'?",
    );
  });

  it('wrong lines name the place and what helps', () => {
    expect(() => router.send('br-lan < tpc 1.2.3.4:5 > 1.2.3.4:6')).toThrow(
      /'tpc' is no kind of packet.*did you mean 'tcp'/,
    );
    expect(() => router.send('wan < reply')).toThrow(/there is nothing to answer/);
    expect(() => router.send('lan9 < udp 1.2.3.4:5 > 1.2.3.4:6')).toThrow(/no such interface/);
    expect(() => expect(router).toForwardTo('wan')).toThrow(/no packet was sent/);
    expect(() => expect(7).toAccept()).toThrow(/createRouter/);
  });

  it('packets and routers have snapshots of their own', () => {
    const packet = router.send('br-lan < udp 192.168.1.66:5000 > 198.51.100.7:53 len 10');
    expect(passageSerializer.test(packet) && routerSerializer.test(router)).toBe(true);
    const walk = passageSerializer.serialize(packet);
    expect(walk).toMatch(/^br-lan < udp 192\.168\.1\.66:5000/);
    expect(walk).toContain('comment "a banned device" (verdict drop)');
    expect(router).toMatchSnapshot();
  });
});

describe('createRouter', () => {
  it('takes the ruleset as text and infers the rest', () => {
    const router = createRouter({
      ruleset: `table inet t { chain f { type filter hook forward priority 0; policy drop; iifname "lan0" oifname "wan0" tcp dport $PORT accept; }; }`,
      define: { PORT: 443 },
      lines: ['lan0 < tcp 10.1.2.3:1000 > 198.51.100.7:443 S'],
    });
    expect(router).toForwardTo('lan0 < tcp 10.1.2.3:1000 > 198.51.100.7:443 S', 'wan0');
    expect(router).toDropWith('lan0 < tcp 10.1.2.3:1000 > 198.51.100.7:80 S', 'policy f');
    expect(router.assumptions.length).toBeGreaterThan(0);
  });

  it('sends frames, and says them as lines', () => {
    const options = { ruleset: resolve(CAPTURES, 'home-router.nft'), router: resolve(CAPTURES, 'home-router.yaml') };
    const [frame] = createRouter(options).send(WEB).passages;
    const sent = createRouter(options).sendFrame(frame?.frame ?? new Uint8Array(0), 'br-lan');
    expect(sent.line).toBe(WEB);
    expect(sent).toForwardTo('wan');
    expect(sent.sent[0]?.line).toBe('tcp 203.0.113.1:40000 > 198.51.100.7:443 S seq 1000 ttl 63');
  });
});

function failure(act: () => void): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it passed');
}
