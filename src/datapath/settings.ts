// The sysctls that the IP stack reads, gathered once by ifindex (net/ipv4/devinet.c, net/ipv6/addrconf.c).
// A RouterSpec describes a router: forwarding is on unless a sysctl switches it off.
import type { Interfaces } from '../net/interfaces.ts';
import { type Sysctl, sysctlNumber, sysctlOfInterface } from '../net/sysctl.ts';

export interface Settings {
  /** By ifindex, 0 or 1. */
  forwarding4: Uint8Array;
  forwarding6: boolean;
  /** By ifindex: 0 off, 1 strict, 2 loose (the larger of 'all' and the interface's). */
  rpFilter: Uint8Array;
  acceptLocal: Uint8Array;
  sourceValidMark: Uint8Array;
  routeLocalnet: Uint8Array;
  bcForwarding: Uint8Array;
  /** send_redirects and shared_media: of 'all' or of the interface. */
  sendRedirects: Uint8Array;
  sharedMedia: Uint8Array;
  /** IPv4 source routes are not a reason to drop: 'all' and the interface's (IN_DEV_SOURCE_ROUTE). */
  acceptSourceRoute: Uint8Array;
  defaultTtl: number;
  /** net.ipv6.conf.all.hop_limit: of what is answered at the link. */
  hopLimit: number;
  /** By ifindex. */
  hopLimits: Uint8Array;
  icmpEchoIgnoreAll: boolean;
  icmpEchoIgnoreAll6: boolean;
  icmpEchoIgnoreMulticast6: boolean;
  icmpEchoIgnoreBroadcasts: boolean;
  icmpErrorsUseInboundAddress: boolean;
  /** What the router answers carries the mark of what it answers (IP4_REPLY_MARK, IP6_REPLY_MARK). */
  fwmarkReflect4: boolean;
  fwmarkReflect6: boolean;
}

/** Reads them. */
export function readSettings(sysctl: Sysctl, interfaces: Interfaces): Settings {
  const v4 = (key: string, fallback: number): number[] =>
    interfaces.list.map((one) => sysctlOfInterface(sysctl, 'net.ipv4.conf', one.name, key, fallback));
  const all4 = (key: string): number => sysctlNumber(sysctl, `net.ipv4.conf.all.${key}`, 0);
  const forward = sysctlNumber(sysctl, 'net.ipv4.ip_forward', sysctlNumber(sysctl, 'net.ipv4.conf.all.forwarding', 1));
  const largest = (key: string): Uint8Array => Uint8Array.from(v4(key, 0), (value) => Math.max(value, all4(key)));
  const either = (key: string): Uint8Array => Uint8Array.from(largest(key), (value) => (value > 0 ? 1 : 0));
  const eitherOn = (key: string): Uint8Array => {
    const all = sysctlNumber(sysctl, `net.ipv4.conf.all.${key}`, 1);
    return Uint8Array.from(v4(key, 1), (value) => (value !== 0 || all !== 0 ? 1 : 0));
  };
  return {
    forwarding4: Uint8Array.from(v4('forwarding', forward), (value) => (value > 0 ? 1 : 0)),
    forwarding6: sysctlNumber(sysctl, 'net.ipv6.conf.all.forwarding', 1) !== 0,
    rpFilter: largest('rp_filter'),
    acceptLocal: either('accept_local'),
    sourceValidMark: either('src_valid_mark'),
    routeLocalnet: either('route_localnet'),
    bcForwarding: either('bc_forwarding'),
    sendRedirects: eitherOn('send_redirects'),
    sharedMedia: eitherOn('shared_media'),
    acceptSourceRoute: Uint8Array.from(v4('accept_source_route', 1), (value) =>
      value !== 0 && all4('accept_source_route') !== 0 ? 1 : 0,
    ),
    defaultTtl: sysctlNumber(sysctl, 'net.ipv4.ip_default_ttl', 64),
    hopLimit: sysctlNumber(sysctl, 'net.ipv6.conf.all.hop_limit', 64),
    hopLimits: Uint8Array.from(interfaces.list, (one) =>
      sysctlOfInterface(sysctl, 'net.ipv6.conf', one.name, 'hop_limit', 64),
    ),
    icmpEchoIgnoreAll: sysctlNumber(sysctl, 'net.ipv4.icmp_echo_ignore_all', 0) !== 0,
    icmpEchoIgnoreAll6: sysctlNumber(sysctl, 'net.ipv6.icmp.echo_ignore_all', 0) !== 0,
    icmpEchoIgnoreMulticast6: sysctlNumber(sysctl, 'net.ipv6.icmp.echo_ignore_multicast', 0) !== 0,
    icmpEchoIgnoreBroadcasts: sysctlNumber(sysctl, 'net.ipv4.icmp_echo_ignore_broadcasts', 1) !== 0,
    icmpErrorsUseInboundAddress: sysctlNumber(sysctl, 'net.ipv4.icmp_errors_use_inbound_ifaddr', 0) !== 0,
    fwmarkReflect4: sysctlNumber(sysctl, 'net.ipv4.fwmark_reflect', 0) !== 0,
    fwmarkReflect6: sysctlNumber(sysctl, 'net.ipv6.fwmark_reflect', 0) !== 0,
  };
}
