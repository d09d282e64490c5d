import { describe, expect, it } from 'vitest';
import type { DeviceHints } from '../../src/config/devices.ts';
import { type AddressSurvey, inferRouter } from '../../src/config/infer.ts';

function hints(
  names: string[],
  more: Partial<Pick<DeviceHints, 'flowtableDevices'>> & { translated?: string[]; matched?: string[] } = {},
): DeviceHints {
  return {
    names,
    flowtableDevices: more.flowtableDevices ?? [],
    translated: new Set(more.translated ?? []),
    matched: new Set(more.matched ?? names),
  };
}

const hex = (text: string): string =>
  text
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');

function survey(sources: string[], more: Partial<AddressSurvey> = {}): AddressSurvey {
  const counts = new Map(sources.map((text, index) => [hex(text), 100 - index]));
  return {
    sources: counts,
    destinations: new Map(),
    hasPppoe: false,
    vlanIds: new Set(),
    packets: 100,
    senders: new Map(),
    pairs: new Map(),
    ...more,
  };
}

describe('an inferred router', () => {
  it('takes the device with masquerade as the outside and private senders as the inside', () => {
    const { spec } = inferRouter(
      hints(['eth0', 'eth1'], { translated: ['eth1'] }),
      survey(['192.168.7.20', '8.8.8.8']),
    );
    expect(spec.interfaces.map((row) => [row.name, row.addresses[0]])).toEqual([
      ['eth0', '192.168.7.1/24'],
      ['eth1', '203.0.113.1/24'],
    ]);
    expect(spec.routes.map((row) => row.dev)).toEqual(['eth1', 'eth1']);
  });

  it('makes both sides when the ruleset names no device', () => {
    const { spec } = inferRouter(hints([]), survey(['10.1.2.3']));
    expect(spec.interfaces.map((row) => row.name)).toEqual(['lan0', 'wan0']);
    expect(spec.interfaces[0]?.addresses).toEqual(['10.1.2.1/24']);
  });

  it('puts a bridge and a PPPoE session over devices that only the flowtable names', () => {
    const given = hints(['br-lan', 'pppoe-wan', 'eth0', 'eth1'], {
      flowtableDevices: ['eth0', 'eth1'],
      matched: ['br-lan', 'pppoe-wan'],
      translated: ['pppoe-wan'],
    });
    const { spec, assumptions } = inferRouter(given, survey(['192.168.1.2']));
    const byName = new Map(spec.interfaces.map((row) => [row.name, row]));
    expect(byName.get('br-lan')).toMatchObject({ type: 'bridge', ports: ['eth0'] });
    expect(byName.get('pppoe-wan')).toMatchObject({ type: 'pppoe', link: 'eth1', mtu: 1492 });
    expect(assumptions.join('\n')).toContain('PPPoE');
  });

  it.each([
    ['lan0', 'wan0'],
    ['wan0', 'lan0'],
    ['eth0', 'eth1'],
  ])('lays no device over a flowtable device of the other side when rules name only %s', (named, other) => {
    const given = hints([named, other], { flowtableDevices: [named, other], matched: [named] });
    const { spec } = inferRouter(given, survey(['192.168.1.2']));
    expect(spec.interfaces.map((row) => row.type)).toEqual(['physical', 'physical']);
    expect(spec.routes[0]?.dev).toBe([named, other].sort()[1]);
  });

  it('gives each inside device a subnet of its own and the first one the rest', () => {
    const { spec } = inferRouter(
      hints(['br-lan', 'br-guest', 'wan']),
      survey(['192.168.1.2', '192.168.2.2', '192.168.3.2']),
    );
    expect(spec.interfaces.slice(0, 2).map((row) => row.addresses)).toEqual([
      ['192.168.1.1/24', '192.168.3.1/24'],
      ['192.168.2.1/24'],
    ]);
  });

  it('takes the busiest network as the inside when no address is private', () => {
    const { spec } = inferRouter(hints(['eth0', 'eth1']), survey(['198.51.100.9', '203.0.113.77']));
    expect(spec.interfaces[0]?.addresses).toEqual(['198.51.100.1/24']);
  });

  it('has the public address to which answers to inside hosts go', () => {
    const pairs = new Map([
      [`${hex('192.168.1.2')}>${hex('198.51.100.7')}`, 9],
      [`${hex('198.51.100.7')}>${hex('192.0.2.33')}`, 8],
    ]);
    const { spec } = inferRouter(hints(['eth0', 'eth1']), survey(['192.168.1.2'], { pairs }));
    expect(spec.interfaces[1]?.addresses[0]).toBe('192.0.2.33/32');
  });

  it('survives a capture without addresses', () => {
    const { spec } = inferRouter(hints(['eth0', 'eth1']), survey([]));
    expect(spec.interfaces.every((row) => row.addresses.length > 0)).toBe(true);
  });
});
