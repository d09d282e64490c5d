// Where a captured frame enters the router, and what the wire below a virtual interface had around it.
import { describe, expect, it } from 'vitest';
import { arp, ether, ip, udp } from '../../src/packet/build.ts';
import { Ingress } from '../../src/replay/ingress.ts';
import { ROUTER, router, withRoom } from './fixture.ts';

const PLAIN = udp({ sport: 1000, dport: 53 }, new Uint8Array(20));

function datagram(src: string, dst = src.includes(':') ? '2001:db8:9::1' : '198.51.100.7'): Uint8Array {
  return ip({ src, dst }, PLAIN);
}

function enter(
  frame: Uint8Array,
  options: { text?: string; named?: string; strip?: boolean } = {},
): { at: string; frame: Uint8Array; stripped: number } {
  const { spec, interfaces } = router(options.text ?? ROUTER);
  const ingress = new Ingress(spec, interfaces, options.strip ?? false);
  const { data, start, end } = withRoom(frame);
  const named = options.named === undefined ? undefined : interfaces.byName(options.named);
  const device = ingress.enter(data, start, end, named);
  return { at: device.name, frame: data.slice(ingress.start, end), stripped: ingress.stripped };
}

describe('the interface of an untagged frame', () => {
  const nested = `${ROUTER}`.replace(
    'routes:',
    '  - { name: guest, addresses: [192.168.1.129/25, "2001:db8:1:0:8000::1/65"] }\nroutes:',
  );
  it.each([
    ['the connected subnet of the source', ether({}, datagram('192.168.1.77')), ROUTER, 'lan'],
    ['the other side', ether({}, datagram('203.0.113.77')), ROUTER, 'wan'],
    ['the default route for a source of nobody', ether({}, datagram('198.51.100.9')), ROUTER, 'wan'],
    ['an IPv6 subnet', ether({}, datagram('2001:db8:1::77')), ROUTER, 'lan'],
    ['the default route for an IPv6 source of nobody', ether({}, datagram('2001:db8:7::77')), ROUTER, 'wan'],
    ['the longest subnet', ether({}, datagram('192.168.1.200')), nested, 'guest'],
    ['the shorter subnet beside the longest', ether({}, datagram('192.168.1.100')), nested, 'lan'],
    ['the longest IPv6 subnet, not at a word', ether({}, datagram('2001:db8:1:0:8000::77')), nested, 'guest'],
    ['the shorter IPv6 subnet beside it', ether({}, datagram('2001:db8:1:0:7fff::77')), nested, 'lan'],
    [
      "an ARP sender's subnet",
      ether(
        {},
        arp(1, { mac: '02:ee:00:00:00:10', ip: '192.168.1.10' }, { mac: '00:00:00:00:00:00', ip: '192.168.1.1' }),
        0x0806,
      ),
      ROUTER,
      'lan',
    ],
    ['the default route for what is not IP', ether({}, new Uint8Array(40), 0x88cc), ROUTER, 'wan'],
    ['the default route for an IPv4 header that is not there', ether({}, new Uint8Array(12), 0x0800), ROUTER, 'wan'],
    ['the default route for a frame without payload', ether({}, new Uint8Array(0), 0x0800), ROUTER, 'wan'],
    [
      'the last physical interface without a default route',
      ether({}, datagram('198.51.100.9')),
      ROUTER.split('routes:')[0],
      'wan',
    ],
  ])('is %s', (_, frame, text, at) => {
    const entered = enter(frame, { text: text ?? '' });
    expect(entered.at).toBe(at);
    expect(entered.frame).toEqual(frame);
  });

  it('is the one that the user or the capture names, whatever the source', () => {
    expect(enter(ether({}, datagram('192.168.1.77')), { named: 'wan' }).at).toBe('wan');
  });
});

const VIRTUAL = `
interfaces:
  - { name: eth0 }
  - { name: eth1 }
  - { name: eth0.10, type: vlan, link: eth0, id: 10, addresses: [10.10.0.1/24] }
  - { name: eth0.20, type: vlan, link: eth0, id: 20, protocol: 802.1ad, addresses: [10.20.0.1/24] }
  - { name: inner, type: vlan, link: eth0.20, id: 7, addresses: [10.27.0.1/24] }
  - { name: br0, type: bridge, ports: [eth1], addresses: [10.30.0.1/24] }
  - { name: ppp0, type: pppoe, link: eth0, id: 4660, addresses: [203.0.113.1/32] }
  - { name: eth1.10, type: vlan, link: eth1, id: 10, addresses: [10.11.0.1/24] }
routes:
  - { dst: 0.0.0.0/0, dev: ppp0 }
  - { dst: "::/0", dev: ppp0 }
`;

describe('a frame without the headers of its virtual interface', () => {
  it.each([
    ['gets the VLAN tag', '10.10.0.5', 'eth0', [{ id: 10 }]],
    ['gets an 802.1ad tag', '10.20.0.5', 'eth0', [{ id: 20, protocol: 0x88a8 }]],
    ['gets both tags of a stack', '10.27.0.5', 'eth0', [{ id: 20, protocol: 0x88a8 }, { id: 7 }]],
    ['gets nothing at a bridge port', '10.30.0.5', 'eth1', []],
  ])('%s', (_, src, at, vlans) => {
    const entered = enter(ether({}, datagram(src)), { text: VIRTUAL });
    expect(entered.at).toBe(at);
    expect(entered.frame).toEqual(ether({ vlans }, datagram(src)));
  });

  it.each([['198.51.100.9'], ['2001:db8:7::77']])('gets the PPPoE session header (%s)', (src) => {
    const entered = enter(ether({}, datagram(src)), { text: VIRTUAL });
    expect(entered.at).toBe('eth0');
    expect(entered.frame).toEqual(ether({ pppoe: 4660 }, datagram(src)));
  });

  it('stays without a session header when it is not IP', () => {
    const frame = ether({}, new Uint8Array(40), 0x88cc);
    expect(enter(frame, { text: VIRTUAL })).toMatchObject({ at: 'eth0', frame });
  });

  it('gets session 1 when the router file names none', () => {
    const text = VIRTUAL.replace(', id: 4660', '');
    expect(enter(ether({}, datagram('198.51.100.9')), { text }).frame).toEqual(
      ether({ pppoe: 1 }, datagram('198.51.100.9')),
    );
  });
});

describe('a tagged frame', () => {
  it('enters below the VLAN device of its tag, unchanged', () => {
    const frame = ether({ vlans: [{ id: 10 }] }, datagram('10.10.0.5'));
    expect(enter(frame, { text: VIRTUAL })).toMatchObject({ at: 'eth0', frame, stripped: 0 });
  });

  it('enters at the port that its source points to when several have the tag', () => {
    const frame = ether({ vlans: [{ id: 10 }] }, datagram('10.11.0.5'));
    expect(enter(frame, { text: VIRTUAL })).toMatchObject({ at: 'eth1', frame });
  });

  it('enters below the PPPoE device', () => {
    const frame = ether({ pppoe: 99 }, datagram('198.51.100.9'));
    expect(enter(frame, { text: VIRTUAL })).toMatchObject({ at: 'eth0', frame });
  });

  it('keeps a tag that no device of a described router has', () => {
    const frame = ether({ vlans: [{ id: 99 }] }, datagram('192.168.1.5'));
    expect(enter(frame)).toMatchObject({ at: 'lan', frame, stripped: 0 });
  });

  it.each([
    ['a VLAN tag', { vlans: [{ id: 99 }] }],
    ['two tags', { vlans: [{ id: 99, protocol: 0x88a8 }, { id: 4 }] }],
    ['a PPPoE header', { pppoe: 3 }],
    ['a tag and a PPPoE header', { vlans: [{ id: 99 }], pppoe: 3 }],
  ])('loses %s that an inferred router has no device for', (_, wrapping) => {
    for (const src of ['192.168.1.5', '2001:db8:1::5']) {
      const entered = enter(ether(wrapping, datagram(src)), { strip: true });
      expect(entered).toEqual({ at: 'lan', frame: ether({}, datagram(src)), stripped: 1 });
    }
  });
});

it('frames of any content enter somewhere, and nothing outside them is written', () => {
  const { spec, interfaces } = router(VIRTUAL);
  let seed = 1;
  const next = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed >>> 16;
  };
  for (let n = 0; n < 3000; n++) {
    const length = next() % 60;
    const frame = Uint8Array.from({ length }, () => next() & 255);
    const types = [0x8100, 0x88a8, 0x8864, 0x0800, 0x86dd, 0x0806];
    const type = types[next() % types.length] ?? 0;
    if (length > 13) frame.set([type >>> 8, type & 255], 12);
    const { data, start, end } = withRoom(frame);
    const ingress = new Ingress(spec, interfaces, n % 2 === 0);
    const device = ingress.enter(data, start, end, undefined);
    expect(device.kind).toBe('physical');
    expect(ingress.start).toBeGreaterThanOrEqual(0);
    expect(data.subarray(end).every((octet) => octet === 0)).toBe(true);
  }
});
