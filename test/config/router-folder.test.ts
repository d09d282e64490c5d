import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadRouter } from '../../src/config/router-file.ts';
import type { RouterSpec } from '../../src/net/spec.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function snapshot(files: Record<string, unknown>): string {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-router-'));
  folders.push(folder);
  for (const [name, value] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  }
  return folder;
}

const UP = ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'];

/** An OpenWrt router: switch ports below a bridge, PPPoE over a VLAN of the fibre port, a tunnel, policy routing. */
const OPENWRT = {
  'link.json': [
    { ifname: 'lo', flags: ['LOOPBACK', 'UP'], link_type: 'loopback', mtu: 65536 },
    { ifname: 'eth0', flags: UP, link_type: 'ether', address: '02:00:00:00:00:01', mtu: 1508 },
    {
      ifname: 'lan1',
      flags: UP,
      link: 'eth0',
      master: 'br-lan',
      link_type: 'ether',
      address: '02:00:00:00:00:02',
      linkinfo: { info_kind: 'dsa', info_slave_kind: 'bridge' },
    },
    { ifname: 'lan2', flags: ['BROADCAST'], master: 'br-lan', link_type: 'ether', address: '02:00:00:00:00:03' },
    { ifname: 'wan', flags: UP, link: 'eth0', link_type: 'ether', address: '02:00:00:00:00:04', mtu: 1508 },
    {
      ifname: 'br-lan',
      flags: UP,
      link_type: 'ether',
      address: '02:00:00:00:00:02',
      linkinfo: { info_kind: 'bridge', info_data: { vlan_filtering: 1 } },
    },
    {
      ifname: 'wan.7',
      flags: UP,
      link: 'wan',
      link_type: 'ether',
      address: '02:00:00:00:00:04',
      linkinfo: { info_kind: 'vlan', info_data: { protocol: '802.1Q', id: 7, flags: ['REORDER_HDR'] } },
    },
    { ifname: 'pppoe-wan', flags: ['POINTOPOINT', 'UP'], link_type: 'ppp', mtu: 1492, linkinfo: { info_kind: 'ppp' } },
    { ifname: 'wg0', flags: ['POINTOPOINT', 'UP'], link_type: 'none', mtu: 1420, linkinfo: { info_kind: 'wireguard' } },
  ],
  'addr.json': [
    {
      ifname: 'br-lan',
      addr_info: [
        { local: '192.168.1.1', prefixlen: 24, scope: 'global' },
        { local: 'fe80::1', prefixlen: 64, scope: 'link' },
      ],
    },
    { ifname: 'pppoe-wan', addr_info: [{ local: '203.0.113.7', prefixlen: 32, scope: 'global' }] },
  ],
  'route.json': [
    { dst: 'default', gateway: '203.0.113.1', dev: 'pppoe-wan', protocol: 'static', flags: ['onlink'] },
    { dst: 'default', dev: 'wg0', table: '100', flags: [] },
    { dst: '192.168.1.0/24', dev: 'br-lan', protocol: 'kernel', scope: 'link', prefsrc: '192.168.1.1', flags: [] },
    { type: 'local', dst: '192.168.1.1', dev: 'br-lan', table: 'local', protocol: 'kernel', scope: 'host', flags: [] },
    {
      dst: '2001:db8::/32',
      metric: 1024,
      flags: [],
      pref: 'medium',
      nexthops: [
        { gateway: 'fe80::5', dev: 'br-lan', weight: 1, flags: [] },
        { gateway: 'fe80::6', dev: 'br-lan', weight: 3, flags: [] },
      ],
    },
    { type: 'unreachable', dst: 'fd00::/8', metric: 2147483647, flags: [], pref: 'medium' },
    { dst: '10.1.0.0/16', dev: 'lan2', flags: ['linkdown'] },
    { dst: '10.2.0.0/16', via: { family: 'inet6', host: 'fe80::9' }, dev: 'br-lan', flags: [] },
    {
      dst: '10.3.0.1',
      gateway: '192.168.1.9',
      dev: 'br-lan',
      prefsrc: '192.168.1.1',
      metric: 5,
      metrics: [{ mtu: 1400 }],
      table: 'vpn',
      flags: [],
    },
  ],
  'rule.json': [
    { priority: 0, src: 'all', table: 'local' },
    {
      priority: 90,
      not: null,
      src: '192.168.0.0',
      srclen: 16,
      ipproto: 'tcp',
      dport_start: 1000,
      dport_end: 2000,
      fwmark: '0x1',
      fwmask: '0xff',
      table: 'vpn',
    },
    { priority: 95, src: 'all', uid_start: 0, uid_end: 5, table: 'main' },
    { priority: 100, src: 'all', iif: 'br-lan', table: 'main', suppress_prefixlen: 0 },
    { priority: 32766, src: 'all', table: 'main' },
    { priority: 32767, src: 'all', table: 'default' },
  ],
  'rule6.json': [{ priority: 50, src: 'fd00::', srclen: 8, action: 'prohibit' }],
  'neigh.json': [
    { dst: '192.168.1.10', dev: 'br-lan', lladdr: '02:ee:00:00:00:10', state: ['REACHABLE'] },
    { dst: '192.168.1.11', dev: 'br-lan', state: ['FAILED'] },
  ],
  'pppoe.txt': 'Id       Address              Device\n01D70000 00:90:1a:00:00:01    wan.7\n',
  'sysctl.txt': 'net.netfilter.nf_conntrack_acct = 1\nnet.ipv4.conf.br-lan.rp_filter = 2\nkernel.hostname = x\n',
};

describe('a folder of what iproute2 prints', () => {
  const spec = loadRouter(snapshot(OPENWRT));

  it('gives the interfaces, stacked as they are', () => {
    const row = (name: string): unknown => spec.interfaces.find((one) => one.name === name);
    expect(spec.interfaces.map((one) => `${one.name} ${one.type}`)).toEqual([
      'eth0 physical',
      'lan1 physical',
      'wan physical',
      'br-lan bridge',
      'wan.7 vlan',
      'pppoe-wan pppoe',
      'wg0 dummy',
    ]);
    expect(row('br-lan')).toMatchObject({ ports: ['lan1'], addresses: ['192.168.1.1/24'], linkLocal: true });
    expect(row('wan.7')).toMatchObject({ link: 'wan', id: 7, protocol: 0x8100 });
    expect(row('pppoe-wan')).toMatchObject({ link: 'wan.7', id: 471, mtu: 1492, addresses: ['203.0.113.7/32'] });
  });

  it('gives routes without those that addresses bring along', () => {
    expect(spec.routes).toEqual([
      { dst: '0.0.0.0/0', type: 'unicast', via: '203.0.113.1', dev: 'pppoe-wan' },
      { dst: '0.0.0.0/0', type: 'unicast', dev: 'wg0', table: 100 },
      {
        dst: '2001:db8::/32',
        type: 'unicast',
        metric: 1024,
        nexthops: [
          { weight: 1, via: 'fe80::5', dev: 'br-lan' },
          { weight: 3, via: 'fe80::6', dev: 'br-lan' },
        ],
      },
      { dst: 'fd00::/8', type: 'unreachable', metric: 2147483647 },
      {
        dst: '10.3.0.1/32',
        type: 'unicast',
        via: '192.168.1.9',
        dev: 'br-lan',
        metric: 5,
        mtu: 1400,
        src: '192.168.1.1',
        table: spec.routes.at(-1)?.table,
      },
    ]);
  });

  it('gives policy rules, with the same table for the same name', () => {
    const vpn = spec.routes.at(-1)?.table;
    const given = spec.rules?.filter((rule) => rule.priority > 0 && rule.priority < 32_766);
    expect(given).toEqual([
      {
        family: 4,
        priority: 90,
        action: 'lookup',
        not: true,
        from: '192.168.0.0/16',
        fwmark: 1,
        fwmask: 0xff,
        protocol: 6,
        dport: [1000, 2000],
        table: vpn,
      },
      { family: 4, priority: 100, action: 'lookup', iif: 'br-lan', table: 254, suppressPrefixLength: 0 },
      { family: 6, priority: 50, action: 'prohibit', from: 'fd00::/8' },
    ]);
  });

  it('gives neighbours and sysctls', () => {
    expect(spec.neighbours).toEqual([{ dev: 'br-lan', ip: '192.168.1.10', mac: '02:ee:00:00:00:10' }]);
    expect(spec.silentNeighbours).toEqual([{ dev: 'br-lan', ip: '192.168.1.11' }]);
    expect(spec.sysctl).toEqual({ 'net.netfilter.nf_conntrack_acct': 1, 'net.ipv4.conf.br-lan.rp_filter': 2 });
  });

  it('says what it leaves out', () => {
    expect(spec.notes).toEqual([
      'lan2 is down and left out',
      'br-lan filters VLANs, but bridge -j vlan > vlan.json is missing: it lets all pass',
      'wg0 is a wireguard device: nothing enters or leaves by it here',
      'route 10.1.0.0/16 is left out: its link is down',
      'route 10.2.0.0/16 is left out: its gateway is of another family',
      'rule 95 is left out: it asks for uid_start, which is not modelled',
    ]);
  });

  it('gives the VLANs of a bridge and its ports', () => {
    const flags = ['PVID', 'Egress Untagged'];
    const vlans = [
      {
        ifname: 'lan1',
        vlans: [
          { vlan: 1, flags },
          { vlan: 10, vlanEnd: 11 },
        ],
      },
      { ifname: 'br-lan', vlans: [{ vlan: 1, flags }] },
      { ifname: 'elsewhere', vlans: [{ vlan: 7 }] },
    ];
    const filtering = loadRouter(snapshot({ ...OPENWRT, 'vlan.json': vlans }));
    const own = { id: 1, pvid: true, untagged: true };
    const tagged = { port: 'lan1', pvid: false, untagged: false };
    expect(filtering.interfaces.find((row) => row.name === 'br-lan')?.vlans).toEqual([
      { port: 'br-lan', ...own },
      { port: 'lan1', ...own },
      { ...tagged, id: 10 },
      { ...tagged, id: 11 },
    ]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a missing file', { 'link.json': [] }, /addr\.json: is missing: on the router, ip -j addr > addr\.json writes it/],
    ['a file that is not JSON', { ...OPENWRT, 'route.json': '[{' }, /route\.json: is not JSON/],
    ['a file that is no list', { ...OPENWRT, 'rule.json': '{}' }, /rule\.json: is not a list/],
    ['a folder without interfaces', { 'link.json': [], 'addr.json': [], 'route.json': [] }, /interfaces/],
  ])('%s is an error that names it', (_, files, message) => {
    expect(() => loadRouter(snapshot(files))).toThrow(message);
  });
});

const SETUP = `
for i in lan1 eth1; do ip link add $i type veth peer name p$i; ip link set $i up; ip link set p$i up; done
ip link add br-lan type bridge && ip link set lan1 master br-lan && ip link set br-lan up
ip addr add 192.168.1.1/24 dev br-lan; ip addr add 203.0.113.1/24 dev eth1
ip route add default via 203.0.113.254; ip route add 10.5.0.0/16 nexthop via 203.0.113.2 weight 2 nexthop via 192.168.1.7
ip route add default via 203.0.113.9 table 100; ip rule add fwmark 1 table 100 priority 100
nft add table inet t
`;
const here = (folder: string): boolean =>
  spawnSync('unshare', ['-n', 'sh', '-ec', `${SETUP}\nsh ${resolve('scripts/snapshot.sh')} ${folder}`], {
    timeout: 20_000,
  }).status === 0;
const live = snapshot({});
const canRun = here(live);

describe('scripts/snapshot.sh', () => {
  it.runIf(canRun)('collects what loadRouter reads', () => {
    const spec: RouterSpec = loadRouter(live);
    expect(spec.interfaces.find((row) => row.name === 'br-lan')).toMatchObject({ type: 'bridge', ports: ['lan1'] });
    expect(spec.routes).toContainEqual({ dst: '0.0.0.0/0', type: 'unicast', via: '203.0.113.254', dev: 'eth1' });
    expect(spec.routes).toContainEqual({
      dst: '0.0.0.0/0',
      type: 'unicast',
      via: '203.0.113.9',
      dev: 'eth1',
      table: 100,
    });
    expect(spec.routes.find((row) => row.dst === '10.5.0.0/16')?.nexthops).toHaveLength(2);
    expect(spec.rules).toContainEqual({
      family: 4,
      priority: 100,
      action: 'lookup',
      fwmark: 1,
      fwmask: 0xffffffff,
      table: 100,
    });
    expect(spec.sysctl['net.ipv4.ip_forward']).toBeTypeOf('number');
  });

  it.skipIf(canRun)('needs root, iproute2 and nft: left out', () => {
    expect(canRun).toBe(false);
  });
});
