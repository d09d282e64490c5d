// Scenes of FTP and TFTP through their helpers: data connections that are expected, addresses in payloads that are
// translated, sequence numbers that move. Each side's numbers are those that it would really see.
import { ether, ip, tcp, udp } from '../../src/packet/build.ts';
import { type Scene, TOPOLOGY } from './scenes.ts';

const SERVER = '198.51.100.7';
const OUTSIDE = '203.0.113.1';
const CLIENT = '192.168.1.10';
const CLIENT6 = 'fd00:1::10';
const SERVER6 = '2001:db8:99::7';

const text = (line: string): Uint8Array => new TextEncoder().encode(line);

interface Ends {
  /** As each side knows itself and the other. */
  client: { own: string; peer: string; iface: string };
  server: { own: string; peer: string; iface: string };
}

/** A TCP conversation on port 21. `grows`: octets by which the router makes a line longer on its way. */
class Talk {
  readonly frames: [string, Uint8Array][] = [];
  readonly #ends: Ends;
  #client = 1000;
  #server = 9000;
  #clientShift = 0;
  #serverShift = 0;

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  open(): this {
    this.#send('client', 'S', '');
    this.#client++;
    this.#send('server', 'SA', '');
    this.#server++;
    this.#send('client', 'A', '');
    return this;
  }

  says(side: 'client' | 'server', line: string, grows = 0, repeat = false): this {
    this.#send(side, 'PA', line);
    if (repeat) this.#send(side, 'PA', line);
    if (side === 'client') {
      this.#client += line.length;
      this.#clientShift += grows;
    } else {
      this.#server += line.length;
      this.#serverShift += grows;
    }
    return this;
  }

  acknowledges(side: 'client' | 'server', sack = false): this {
    this.#send(side, 'A', '', sack);
    return this;
  }

  /** A frame of another conversation. */
  frame(iface: string, datagram: Uint8Array): this {
    this.frames.push([iface, ether({}, datagram)]);
    return this;
  }

  #send(side: 'client' | 'server', flags: string, line: string, sack = false): void {
    const { own, peer, iface } = this.#ends[side];
    const isClient = side === 'client';
    const seq = isClient ? this.#client : this.#server;
    const ack = isClient ? this.#server + this.#serverShift : this.#client + this.#clientShift;
    const ports = isClient ? { sport: 40000, dport: 21 } : { sport: 21, dport: 40000 };
    const edges = new Uint8Array(12);
    const view = new DataView(edges.buffer);
    view.setUint32(0, 0x0101050a);
    view.setUint32(4, ack);
    view.setUint32(8, ack + 5);
    const options = sack
      ? { options: edges }
      : flags === 'S' || flags === 'SA'
        ? { options: Uint8Array.of(4, 2, 1, 1) }
        : {};
    const segment = tcp({ ...ports, seq, ...(flags === 'S' ? {} : { ack }), flags, ...options }, text(line));
    this.frame(iface, ip({ src: own, dst: peer, id: this.frames.length + 1 }, segment));
  }
}

const HELPER = `
	ct helper ftp21 { type "ftp" protocol tcp; }
	ct helper tftp69 { type "tftp" protocol udp; }
	chain assign { type filter hook prerouting priority -150; tcp dport 21 ct helper set "ftp21"; udp dport 69 ct helper set "tftp69"; }
	chain forward { type filter hook forward priority 0; policy drop;
		ct state established accept
		ct state related ct helper "ftp" counter accept
		ct state related ct helper "tftp" accept
		tcp dport 21 ct state new ct mark set 7 accept
		udp dport 69 ct state new accept
	}
`;
const PLAIN = `table inet t {${HELPER}}`;
const MASQUERADE = `table inet t {${HELPER}
	chain nat { type nat hook postrouting priority 100; oifname "wan0" masquerade; }
}`;
const DNAT = `table inet t {${HELPER}
	chain nat { type nat hook prerouting priority -100; iifname "wan0" tcp dport 21 dnat ip to ${CLIENT}; }
}`;

const inside = (own: string, peer: string, seenAs: string): Ends => ({
  client: { own, peer, iface: 'lan0' },
  server: { own: peer, peer: seenAs, iface: 'wan0' },
});
const PLAIN4 = inside(CLIENT, SERVER, CLIENT);
const PLAIN6 = inside(CLIENT6, SERVER6, CLIENT6);
const HIDDEN = inside(CLIENT, SERVER, OUTSIDE);
/** The server stands behind the router, its clients outside. */
const BEHIND: Ends = {
  client: { own: SERVER, peer: OUTSIDE, iface: 'wan0' },
  server: { own: CLIENT, peer: SERVER, iface: 'lan0' },
};

const greeted = (ends: Ends): Talk =>
  new Talk(ends).open().says('server', '220 hello\r\n').says('client', 'USER x\r\n').says('server', '331 password\r\n');
const syn = (src: string, dst: string, sport: number, dport: number): Uint8Array =>
  ip({ src, dst, id: 77 }, tcp({ sport, dport, seq: 5, flags: 'S' }));
const synAck = (src: string, dst: string, sport: number, dport: number): Uint8Array =>
  ip({ src, dst, id: 78 }, tcp({ sport, dport, seq: 50, ack: 6, flags: 'SA' }));

const scene = (name: string, ruleset: string, talk: Talk, topology: object = TOPOLOGY): Scene => ({
  name: `helper: ${name}`,
  topology,
  ruleset,
  frames: talk.frames,
});

const TEN = {
  ...TOPOLOGY,
  interfaces: [
    { name: 'lan0', mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'], mtu: 1500 },
    { name: 'wan0', mac: '02:00:00:00:00:02', addresses: ['203.0.113.1/24', '2001:db8:2::1/64'], mtu: 1500 },
  ],
};
const FROM_TEN = inside('10.0.0.5', SERVER, OUTSIDE);

export const HELPER_SCENES: Scene[] = [
  scene(
    'an active FTP data connection is related, and only the announced one',
    PLAIN,
    greeted(PLAIN4)
      .says('client', 'PORT 192,168,1,10,200,10\r\n')
      .frame('wan0', syn(SERVER, CLIENT, 20, 51211))
      .frame('wan0', syn(SERVER, CLIENT, 20, 51210))
      .frame('lan0', synAck(CLIENT, SERVER, 51210, 20))
      .frame('wan0', syn(SERVER, CLIENT, 21, 51210))
      .says('server', '200 ok\r\n'),
  ),
  scene(
    'an address in PORT is masqueraded and the packet shrinks; numbers move both ways, SACK too',
    MASQUERADE,
    greeted(HIDDEN)
      .says('client', 'PORT 192,168,1,10,200,10\r\n', -1)
      .says('server', '200 ok\r\n')
      .acknowledges('client')
      .frame('wan0', syn(SERVER, OUTSIDE, 20, 51210))
      .frame('lan0', synAck(CLIENT, SERVER, 51210, 20))
      .says('client', 'LIST\r\n')
      .acknowledges('server', true)
      .says('client', 'PORT 192,168,1,10,200,11\r\n', -1)
      .says('server', '200 again\r\n')
      .frame('wan0', syn(SERVER, OUTSIDE, 20, 51211))
      .frame('wan0', syn(SERVER, OUTSIDE, 20, 51210)),
  ),
  scene(
    'a packet grows when the outside address is longer, sent again too',
    MASQUERADE,
    greeted(FROM_TEN)
      .says('client', 'PORT 10,0,0,5,200,10\r\n', 3, true)
      .says('server', '200 ok\r\n')
      .acknowledges('client')
      .says('client', 'NOOP\r\n')
      .acknowledges('server')
      .frame('wan0', syn(SERVER, OUTSIDE, 20, 51210)),
    TEN,
  ),
  scene(
    'a passive answer of a server behind DNAT is rewritten',
    DNAT,
    greeted(BEHIND)
      .says('client', 'PASV\r\n')
      .says('server', '227 Entering Passive Mode (192,168,1,10,195,80).\r\n', -1)
      .acknowledges('client')
      .frame('wan0', syn(SERVER, OUTSIDE, 41000, 50000))
      .frame('lan0', synAck(CLIENT, SERVER, 50000, 41000))
      .says('client', 'LIST\r\n')
      .says('server', '150 here\r\n'),
  ),
  scene(
    'passive mode of a masqueraded client needs no rewriting',
    MASQUERADE,
    greeted(HIDDEN)
      .says('client', 'PASV\r\n')
      .says('server', '227 Entering Passive Mode (198,51,100,7,195,80)\r\n')
      .frame('lan0', syn(CLIENT, SERVER, 41000, 50000))
      .frame('wan0', synAck(SERVER, OUTSIDE, 50000, 41000)),
  ),
  scene(
    'EPSV over IPv4, with a delimiter of its own',
    PLAIN,
    greeted(PLAIN4)
      .says('client', 'EPSV\r\n')
      .says('server', '229 Entering Extended Passive Mode (###50001#)\r\n')
      .frame('lan0', syn(CLIENT, SERVER, 41000, 50001)),
  ),
  scene(
    'EPRT over IPv4 is masqueraded',
    MASQUERADE,
    greeted(HIDDEN)
      .says('client', 'eprt |1|192.168.1.10|51210|\r\n', -1)
      .says('server', '200 ok\r\n')
      .frame('wan0', syn(SERVER, OUTSIDE, 20, 51210)),
  ),
  scene(
    'EPRT and EPSV over IPv6',
    PLAIN,
    greeted(PLAIN6)
      .says('client', 'EPRT |2|fd00:1::10|51210|\r\n')
      .frame('wan0', syn(SERVER6, CLIENT6, 20, 51210))
      .says('client', 'EPSV\r\n')
      .says('server', '229 ok (|||50001|)\r\n')
      .frame('lan0', syn(CLIENT6, SERVER6, 41000, 50001)),
  ),
  scene(
    "somebody else's address is not expected",
    PLAIN,
    greeted(PLAIN4)
      .says('client', 'PORT 192,168,1,11,200,10\r\n')
      .frame('wan0', syn(SERVER, '192.168.1.11', 20, 51210)),
  ),
  scene(
    'a command that is not whole, or wrong, is dropped',
    PLAIN,
    greeted(PLAIN4).says('client', 'POR').says('client', 'T 192,168,1,10,200,10\r\n').says('client', 'PORT 1,2,3\r\n'),
  ),
  scene(
    'a command in the middle of a line is text',
    PLAIN,
    greeted(PLAIN4)
      .says('client', 'SITE ')
      .says('client', 'PORT 192,168,1,10,200,10\r\n')
      .frame('wan0', syn(SERVER, CLIENT, 20, 51210)),
  ),
  scene(
    'a second announcement replaces the first',
    PLAIN,
    greeted(PLAIN4)
      .says('client', 'PORT 192,168,1,10,200,10\r\n')
      .says('client', 'PORT 192,168,1,10,200,11\r\n')
      .frame('wan0', syn(SERVER, CLIENT, 20, 51210))
      .frame('wan0', syn(SERVER, CLIENT, 20, 51211)),
  ),
  scene(
    'TFTP answers come from another port',
    PLAIN,
    new Talk(PLAIN4)
      .frame(
        'lan0',
        ip({ src: CLIENT, dst: SERVER }, udp({ sport: 4000, dport: 69 }, Uint8Array.of(0, 1, 97, 0, 98, 0))),
      )
      .frame('wan0', ip({ src: SERVER, dst: CLIENT }, udp({ sport: 5000, dport: 4001 }, Uint8Array.of(0, 3, 0, 1))))
      .frame('wan0', ip({ src: SERVER, dst: CLIENT }, udp({ sport: 5000, dport: 4000 }, Uint8Array.of(0, 3, 0, 1))))
      .frame('lan0', ip({ src: CLIENT, dst: SERVER }, udp({ sport: 4000, dport: 5000 }, Uint8Array.of(0, 4, 0, 1)))),
  ),
  scene(
    'TFTP behind masquerade comes back to the client',
    MASQUERADE,
    new Talk(HIDDEN)
      .frame(
        'lan0',
        ip({ src: CLIENT, dst: SERVER }, udp({ sport: 4000, dport: 69 }, Uint8Array.of(0, 2, 97, 0, 98, 0))),
      )
      .frame('wan0', ip({ src: SERVER, dst: OUTSIDE }, udp({ sport: 5000, dport: 4000 }, Uint8Array.of(0, 4, 0, 0))))
      .frame('lan0', ip({ src: CLIENT, dst: SERVER }, udp({ sport: 4000, dport: 5000 }, Uint8Array.of(0, 3, 0, 1))))
      .frame('wan0', ip({ src: SERVER, dst: OUTSIDE }, udp({ sport: 5001, dport: 4000 }, Uint8Array.of(0, 4, 0, 1)))),
  ),
];
