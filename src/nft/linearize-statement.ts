// Statements as bytecode; matches and what they load are in linearize.ts.
import type { Expression, Verdict } from '../bytecode/expression.ts';
import type { ElementExpr, Expr, Stmt, VerdictExpr } from './ast.ts';
import { objectName } from './evaluate-statement.ts';
import { octets } from './expressions.ts';
import { findField, findProtocol } from './headers.ts';
import { type Linearizer, linearizeMatch, load, lookupVerdict, register } from './linearize.ts';

const NAT_RANDOM = 4;
const NAT_PERSISTENT = 8;
const NAT_FULLY_RANDOM = 16;
const NAT_PROTO_SPECIFIED = 2;
const NAT_NETMAP = 64;

/** Adds the instructions of a statement. `subchain` names the chain made for `jump { … }`. */
export function linearizeStatement(out: Linearizer, statement: Stmt, subchain: (statement: Stmt) => string): void {
  switch (statement.kind) {
    case 'match':
      if (statement.expr.kind === 'relational') linearizeMatch(out, statement.expr);
      return;
    case 'verdict':
      if (statement.expr.kind === 'map') lookupVerdict(out, statement.expr);
      else if (statement.expr.kind === 'verdict') out.add({ kind: 'verdict', verdict: verdictOf(statement.expr) });
      return;
    case 'chain':
      out.add({ kind: 'verdict', verdict: { code: statement.code, chain: subchain(statement) } });
      return;
    case 'counter':
    case 'limit':
    case 'quota':
    case 'last':
    case 'connlimit':
      out.add(statefulExpression(statement));
      return;
    case 'objref':
      linearizeObject(out, statement);
      return;
    case 'log':
      linearizeLog(out, statement);
      return;
    case 'reject':
      linearizeReject(out, statement);
      return;
    case 'nat':
      linearizeNat(out, statement);
      return;
    case 'tproxy':
      linearizeTproxy(out, statement);
      return;
    case 'synproxy':
      out.add({
        kind: 'synproxy',
        mss: statement.mss ?? 0,
        wscale: statement.wscale ?? 0,
        flags:
          (statement.mss === undefined ? 0 : 1) |
          (statement.wscale === undefined ? 0 : 2) |
          (statement.sackPerm ? 4 : 0) |
          (statement.timestamp ? 8 : 0),
      });
      return;
    case 'notrack':
      out.add({ kind: 'notrack' });
      return;
    case 'flow':
      out.add({ kind: 'flow-offload', flowtable: statement.flowtable });
      return;
    case 'payload-set':
      linearizePayloadSet(out, statement);
      return;
    case 'exthdr-set': {
      const { target } = statement;
      const sreg = loadOnce(out, statement.value);
      out.add({
        kind: 'exthdr-set',
        op: 'tcpopt',
        type: target.type,
        offset: Math.floor(target.offset / 8),
        length: octets(target.length),
        sreg,
      });
      return;
    }
    case 'exthdr-reset':
      out.add({ kind: 'exthdr-reset', op: 'tcpopt', type: statement.target.type });
      return;
    case 'meta-set':
      out.add({ kind: 'meta-set', key: statement.key, sreg: loadOnce(out, statement.value) });
      return;
    case 'ct-set': {
      const sreg = loadOnce(out, statement.value);
      const { key, direction } = statement;
      out.add(direction === undefined ? { kind: 'ct-set', key, sreg } : { kind: 'ct-set', key, sreg, direction });
      return;
    }
    case 'queue':
      linearizeQueue(out, statement);
      return;
    case 'dup':
      linearizeDup(out, statement);
      return;
    case 'fwd':
      linearizeFwd(out, statement);
      return;
    case 'set':
      linearizeSet(out, statement);
      return;
    case 'meter':
      linearizeMeter(out, statement);
      return;
  }
}

/** Loads a value and frees its register again: the next instruction uses it up. */
function loadOnce(out: Linearizer, expr: Expr): number {
  const unit = out.take(expr);
  load(out, expr, unit);
  out.release(expr);
  return register(unit);
}

export function verdictOf(expr: VerdictExpr): Verdict {
  return expr.chain?.kind === 'symbol' ? { code: expr.code, chain: expr.chain.text } : { code: expr.code };
}

/** A stateful statement, in a rule or on a set's elements. */
export function statefulExpression(statement: Stmt): Expression {
  switch (statement.kind) {
    case 'counter':
      return { kind: 'counter', packets: statement.packets, bytes: statement.bytes };
    case 'limit':
      return { kind: 'limit', limit: statement.limit };
    case 'quota':
      return { kind: 'quota', bytes: statement.bytes, consumedBytes: statement.usedBytes, invert: statement.invert };
    case 'connlimit':
      return { kind: 'connlimit', count: statement.count, invert: statement.invert };
    default: {
      const usedMs = statement.kind === 'last' ? statement.usedMs : undefined;
      return usedMs === undefined ? { kind: 'last' } : { kind: 'last', usedMs };
    }
  }
}

function linearizeObject(out: Linearizer, statement: Extract<Stmt, { kind: 'objref' }>): void {
  const { expr, objectType } = statement;
  if (expr.kind === 'map' && expr.mappings.kind === 'setref') {
    const sreg = loadOnce(out, expr.key);
    out.add({ kind: 'objref-map', objectType, set: expr.mappings.name, sreg });
  } else if (expr.kind === 'value') out.add({ kind: 'objref', objectType, name: objectName(expr.value) });
}

function linearizeLog(out: Linearizer, log: Extract<Stmt, { kind: 'log' }>): void {
  const expression: Extract<Expression, { kind: 'log' }> = { kind: 'log', flags: 0 };
  if (log.prefix !== undefined) expression.prefix = log.prefix;
  if (log.group !== undefined) {
    expression.group = log.group;
    if (log.snaplen !== undefined) expression.snaplen = log.snaplen;
    if (log.queueThreshold !== undefined) expression.queueThreshold = log.queueThreshold;
  } else {
    if (log.level !== undefined) expression.level = log.level;
    expression.flags = log.flags;
  }
  out.add(expression);
}

function linearizeReject(out: Linearizer, statement: Extract<Stmt, { kind: 'reject' }>): void {
  const type = statement.type === 'tcp-reset' ? 'tcp-reset' : statement.type === 'icmpx' ? 'icmpx' : 'icmp';
  out.add({ kind: 'reject', type, code: statement.icmpCode ?? 0 });
}

function linearizeNat(out: Linearizer, statement: Extract<Stmt, { kind: 'nat' }>): void {
  const { address, port } = statement;
  let flags = 0;
  if (statement.random) flags |= NAT_RANDOM;
  if (statement.fullyRandom) flags |= NAT_FULLY_RANDOM;
  if (statement.persistent) flags |= NAT_PERSISTENT;
  if (statement.prefix === true) flags |= NAT_NETMAP;
  if (port !== undefined) flags |= NAT_PROTO_SPECIFIED;
  const registers: { addressMin?: number; addressMax?: number; portMin?: number; portMax?: number } = {};
  let taken = 0;
  const take = (): number => {
    taken++;
    return out.take(undefined);
  };
  if (address !== undefined) {
    const unit = take();
    registers.addressMin = register(unit);
    if (address.kind === 'range') {
      const second = take();
      load(out, address.from, unit);
      load(out, address.to, second);
      registers.addressMax = register(second);
    } else {
      load(out, address, unit);
      mapRegisters(out, statement, unit, registers);
    }
  }
  if (port !== undefined) {
    const unit = take();
    registers.portMin = register(unit);
    if (port.kind === 'range') {
      const second = take();
      load(out, port.from, unit);
      load(out, port.to, second);
      registers.portMax = register(second);
    } else load(out, port, unit);
  }
  for (; taken > 0; taken--) out.release(undefined);
  if (statement.type === 'snat' || statement.type === 'dnat') {
    out.add({ kind: 'nat', type: statement.type, family: statement.family ?? 'inet', ...registers, flags });
  } else {
    const { portMin, portMax } = registers;
    out.add({
      kind: statement.type,
      ...(portMin !== undefined && { portMin }),
      ...(portMax !== undefined && { portMax }),
      flags,
    });
  }
}

/** Where a map's data put the second address and the ports: behind the first address, each in units of 4 octets. */
function mapRegisters(
  out: Linearizer,
  statement: Extract<Stmt, { kind: 'nat' }>,
  unit: number,
  registers: { addressMax?: number; portMin?: number; portMax?: number },
): void {
  const { address } = statement;
  const addressUnits = statement.family === 'ip6' ? 4 : 1;
  const set =
    address?.kind === 'map' && address.mappings.kind === 'setref' ? out.findSet(address.mappings.name) : undefined;
  let at = unit;
  if (set?.dataInterval === true) {
    at += addressUnits;
    if (statement.concat === true) registers.portMin = register(at);
    else registers.addressMax = register(at);
  }
  if (statement.concat !== true) return;
  if (statement.interval === true) {
    at += addressUnits;
    // The lower end's port lies between the two addresses.
    registers.addressMax = register(at);
  }
  at += addressUnits;
  if (statement.interval === true) registers.portMax = register(at);
  else registers.portMin = register(at);
}

function linearizeTproxy(out: Linearizer, statement: Extract<Stmt, { kind: 'tproxy' }>): void {
  const { address, port } = statement;
  const registers: { addressRegister?: number; portRegister?: number } = {};
  if (address !== undefined) {
    const unit = out.take(undefined);
    load(out, address, unit);
    registers.addressRegister = register(unit);
  }
  if (port !== undefined) {
    const unit = out.take(undefined);
    load(out, port, unit);
    registers.portRegister = register(unit);
    out.release(undefined);
  }
  if (address !== undefined) out.release(undefined);
  out.add({ kind: 'tproxy', family: statement.family, ...registers });
}

function linearizePayloadSet(out: Linearizer, statement: Extract<Stmt, { kind: 'payload-set' }>): void {
  const { target } = statement;
  const sreg = loadOnce(out, statement.value);
  const header = findProtocol(target.protocol);
  const mends = target.protocol !== 'udp' && header?.checksumField !== undefined;
  const checksum = mends ? findField(header, header.checksumField ?? '') : undefined;
  const inPseudoHeader = target.base === 'network' && (header?.pseudoHeader ?? []).includes(target.field);
  const flags = inPseudoHeader || target.protocol === 'udp' || target.base === 'inner' ? 1 : 0;
  out.add({
    kind: 'payload-set',
    base: target.base,
    offset: Math.floor(target.offset / 8),
    length: Math.floor(target.length / 8),
    sreg,
    checksumType: checksum === undefined ? 0 : (header?.checksumType ?? 0),
    checksumOffset: checksum === undefined ? 0 : checksum.offset / 8,
    checksumFlags: flags,
  });
}

function linearizeQueue(out: Linearizer, statement: Extract<Stmt, { kind: 'queue' }>): void {
  const flags = (statement.bypass ? 1 : 0) | (statement.fanout ? 2 : 0);
  const { from } = statement;
  if (from !== undefined && from.kind !== 'value' && from.kind !== 'range') {
    out.add({ kind: 'queue', from: 0, total: 0, flags, register: loadOnce(out, from) });
    return;
  }
  const number = (expr: Expr): number => (expr.kind === 'value' ? Number(expr.value) : 0);
  const low = from === undefined ? 0 : number(from.kind === 'range' ? from.from : from);
  const high = from === undefined ? 0 : number(from.kind === 'range' ? from.to : from);
  out.add({ kind: 'queue', from: low, total: high - low + 1, flags });
}

function linearizeDup(out: Linearizer, statement: Extract<Stmt, { kind: 'dup' }>): void {
  const unit = out.take(statement.to);
  load(out, statement.to, unit);
  const isDevice = statement.to.datatype === 'iface_index';
  const dup: Extract<Expression, { kind: 'dup' }> = isDevice
    ? { kind: 'dup', deviceRegister: register(unit) }
    : { kind: 'dup', addressRegister: register(unit) };
  if (statement.device !== undefined) dup.deviceRegister = loadOnce(out, statement.device);
  out.release(statement.to);
  out.add(dup);
}

function linearizeFwd(out: Linearizer, statement: Extract<Stmt, { kind: 'fwd' }>): void {
  const unit = out.take(statement.device);
  load(out, statement.device, unit);
  const fwd: Extract<Expression, { kind: 'fwd' }> = { kind: 'fwd', deviceRegister: register(unit) };
  if (statement.address !== undefined) fwd.addressRegister = loadOnce(out, statement.address);
  if (statement.family !== undefined) fwd.family = statement.family;
  out.release(statement.device);
  out.add(fwd);
}

function linearizeSet(out: Linearizer, statement: Extract<Stmt, { kind: 'set' }>): void {
  if (statement.set.kind !== 'setref' || statement.key.kind !== 'element') return;
  const key = statement.key;
  const unit = out.take(key.key);
  load(out, key.key, unit);
  const dynset: Extract<Expression, { kind: 'dynset' }> = {
    kind: 'dynset',
    op: statement.op,
    set: statement.set.name,
    sregKey: register(unit),
    invert: false,
    expressions: statement.statements.map(statefulExpression),
  };
  if (statement.data?.kind === 'element') {
    const data: ElementExpr = statement.data;
    const second = out.take(data.key);
    load(out, data.key, second);
    dynset.sregData = register(second);
    out.release(data.key);
  }
  out.release(key.key);
  if ((key.timeoutMs ?? 0) > 0) dynset.timeoutMs = key.timeoutMs as number;
  out.add(dynset);
}

function linearizeMeter(out: Linearizer, statement: Extract<Stmt, { kind: 'meter' }>): void {
  if (statement.key.kind !== 'element') return;
  const { key } = statement;
  const sregKey = loadOnce(out, key.kind === 'element' ? key.key : key);
  const dynset: Extract<Expression, { kind: 'dynset' }> = {
    kind: 'dynset',
    op: key.timeoutMs === undefined ? 'add' : 'update',
    set: statement.name,
    sregKey,
    invert: false,
    expressions: [statefulExpression(statement.statement)],
  };
  if (key.timeoutMs !== undefined) dynset.timeoutMs = key.timeoutMs;
  out.add(dynset);
}
