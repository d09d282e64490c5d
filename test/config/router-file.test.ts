import { describe, expect, it } from 'vitest';
import { parseRouter } from '../../src/config/router-file.ts';

const minimal = 'interfaces: [{name: lan0}]';

describe('router file', () => {
  it('reads YAML and JSON alike', () => {
    const yaml = parseRouter(
      'interfaces:\n  - {name: lan0, addresses: [192.168.1.1/24]}\nsysctl: {net.ipv4.ip_forward: 1}',
      'r.yaml',
    );
    const json = parseRouter(
      '{"interfaces":[{"name":"lan0","addresses":["192.168.1.1/24"]}],"sysctl":{"net.ipv4.ip_forward":1}}',
      'r.json',
    );
    expect(yaml).toEqual(json);
    expect(yaml.interfaces[0]).toMatchObject({ name: 'lan0', mtu: 1500, type: 'physical', mac: '02:00:00:00:00:01' });
    expect(yaml.sysctl).toEqual({ 'net.ipv4.ip_forward': 1 });
  });

  it('numbers the MAC addresses of physical interfaces as the kernel judge does, and hands them up to virtual ones', () => {
    const spec = parseRouter(
      'interfaces: [{name: d0, type: dummy}, {name: lan0}, {name: lan0.10, type: vlan, link: lan0, id: 10}, {name: wan0}, {name: br0, type: bridge, ports: [wan0]}]',
      'r.yaml',
    );
    expect(spec.interfaces.map((row) => [row.name, row.mac.slice(-2)])).toEqual([
      ['d0', '00'],
      ['lan0', '01'],
      ['lan0.10', '01'],
      ['wan0', '02'],
      ['br0', '02'],
    ]);
  });

  it('takes sysctls with slashes, and an interface name with a dot in them', () => {
    const spec = parseRouter(`${minimal}\nsysctl: {"net/ipv4/conf/eth0.10/rp_filter": "1"}`, 'r.yaml');
    expect(spec.sysctl).toEqual({ 'net.ipv4.conf.eth0/10.rp_filter': 1 });
  });

  it.each([
    ['interfaces: []', 'interfaces'],
    [`${minimal}\nsetup: ["ip link"]`, 'setup: unknown key'],
    ['interfaces: [{name: lan0, adresses: []}]', 'interfaces[0].adresses: unknown key'],
    ['interfaces: [{name: lan0, mac: zz}]', 'interfaces[0].mac'],
    ['interfaces: [{name: lan0, addresses: [192.168.1.1/33]}]', 'interfaces[0].addresses[0]'],
    ['interfaces: [{name: lan0}, {name: lan0}]', 'interfaces[1].name'],
    ['interfaces: [{name: v, type: vlan, id: 3}]', 'interfaces[0].link'],
    ['interfaces: [{name: lan0}, {name: v, type: vlan, link: lan0}]', 'interfaces[1].id'],
    ['interfaces: [{name: v, type: vlan, id: 3, link: nope}]', "no interface is called 'nope'"],
    ['interfaces: [{name: a, type: vlan, id: 3, link: b}, {name: b, type: vlan, id: 3, link: a}]', 'on itself'],
    ['interfaces: [{name: a, type: bridge, ports: [a]}]', "'a' is a bridge"],
    ['interfaces: [{name: a, type: bridge, ports: [b]}, {name: b, type: bridge, ports: [a]}]', "'b' is a bridge"],
    ['interfaces: [{name: a, type: bridge, ports: [v]}, {name: v, type: vlan, id: 5, link: a}]', 'on itself'],
    ['interfaces: [{name: p}, {name: a, type: bridge, ports: [p]}, {name: b, type: bridge, ports: [p]}]', 'already'],
    [`${minimal}\nroutes: [{dst: 10.0.0.0/8}]`, "routes[0]: needs 'dev', 'via' or 'nexthops'"],
    [`${minimal}\nroutes: [{dst: 10.0.0.0/8, via: "fe80::1", dev: lan0}]`, 'routes[0].via'],
    [`${minimal}\nneighbours: [{dev: wan0, ip: 1.2.3.4, mac: "02:00:00:00:00:01"}]`, 'neighbours[0].dev'],
    [`${minimal}\nneighbours: [{dev: lan0, ip: 1.2.3.4}]`, 'neighbours[0].mac'],
    [`${minimal}\nneighbours: [{dev: lan0, ip: 1.2.3.4, state: reachable}]`, 'neighbours[0].mac'],
    [`${minimal}\nneighbours: [{dev: lan0, ip: 1.2.3.4, state: gone}]`, 'neighbours[0].state'],
    ['interfaces: [', 'r.yaml'],
    ['- a\n- b', 'r.yaml'],
  ])('%j is refused and the message says where', (text, part) => {
    expect(() => parseRouter(text, 'r.yaml')).toThrow(part);
  });
});

describe('neighbours that do not answer', () => {
  it('are told by their state, as ip neigh says it', () => {
    const text = JSON.stringify({
      interfaces: [{ name: 'lan0' }],
      neighbours: [
        { dev: 'lan0', ip: '192.168.1.9', state: 'failed' },
        { dev: 'lan0', ip: 'fd00::9', state: 'incomplete' },
        { dev: 'lan0', ip: '192.168.1.8', mac: '02:00:00:00:00:08', state: 'stale' },
      ],
    });
    const spec = parseRouter(text, 'router.json');
    expect(spec.neighbours).toEqual([{ dev: 'lan0', ip: '192.168.1.8', mac: '02:00:00:00:00:08' }]);
    expect(spec.silentNeighbours).toEqual([
      { dev: 'lan0', ip: '192.168.1.9' },
      { dev: 'lan0', ip: 'fd00::9' },
    ]);
  });
});
