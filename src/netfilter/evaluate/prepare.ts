// Every kind of expression to what evaluates it. Setup only.
import { unreachable } from '../../base/errors.ts';
import type { Expression } from '../../bytecode/expression.ts';
import type { Recorder } from '../../event/recorder.ts';
import { prepareBitwise, prepareByteorder } from './bitwise.ts';
import { prepareCmp, prepareRange } from './cmp.ts';
import { prepareCt, prepareCtSet, prepareNotrack } from './ct.ts';
import { prepareExthdr } from './exthdr.ts';
import { prepareExthdrReset, prepareExthdrSet } from './exthdr-set.ts';
import { prepareFib } from './fib.ts';
import { prepareFlowOffload } from './flow-offload.ts';
import { prepareDup, prepareFwd } from './forwarders.ts';
import { prepareHash, prepareNumgen } from './generators.ts';
import { prepareImmediate, prepareVerdict } from './immediate.ts';
import { checkLimit } from './limit.ts';
import { prepareLog } from './log.ts';
import { prepareDynset, prepareLookup } from './lookup.ts';
import { prepareMeta, prepareMetaSet } from './meta.ts';
import { prepareMasquerade, prepareNat, prepareRedirect } from './nat.ts';
import { prepareObjref, prepareObjrefMap } from './objects.ts';
import { preparePayload } from './payload.ts';
import { preparePayloadSet } from './payload-set.ts';
import { ownInstance, type PrepareContext, type PreparedExpression } from './prepared.ts';
import { prepareQueue } from './queue.ts';
import { prepareReject } from './reject.ts';
import { prepareRt } from './rt.ts';
import { instanceOf, prepareStateful } from './stateful.ts';

/** Makes an expression ready to run; throws when it cannot run where it stands. */
export function prepareExpression(
  expression: Expression,
  context: PrepareContext,
  recorder: Recorder,
): PreparedExpression {
  switch (expression.kind) {
    case 'payload':
      return preparePayload(expression, context);
    case 'payload-set':
      return preparePayloadSet(expression);
    case 'exthdr':
      return prepareExthdr(expression);
    case 'exthdr-set':
      return prepareExthdrSet(expression);
    case 'exthdr-reset':
      return prepareExthdrReset(expression);
    case 'cmp':
      return prepareCmp(expression);
    case 'range':
      return prepareRange(expression, context.engine);
    case 'bitwise':
      return prepareBitwise(expression);
    case 'byteorder':
      return prepareByteorder(expression);
    case 'immediate':
      return prepareImmediate(expression);
    case 'verdict':
      return prepareVerdict(expression, context);
    case 'lookup':
      return prepareLookup(expression, context);
    case 'dynset':
      return prepareDynset(expression, context);
    case 'meta':
      return prepareMeta(expression, context);
    case 'meta-set':
      return prepareMetaSet(expression);
    case 'ct':
      return prepareCt(expression, context);
    case 'ct-set':
      return prepareCtSet(expression, context);
    case 'counter':
    case 'limit':
    case 'quota':
    case 'connlimit':
    case 'last': {
      if (expression.kind === 'limit') checkLimit(expression.limit, context);
      const stateful = prepareStateful(expression, context.engine);
      if (stateful === undefined) throw new Error(`not stateful: ${expression.kind}`);
      return ownInstance(instanceOf(stateful), expression.kind);
    }
    case 'log':
      return prepareLog(expression, context);
    case 'reject':
      return prepareReject(expression, context, recorder);
    case 'nat':
      return prepareNat(expression, context);
    case 'masquerade':
      return prepareMasquerade(expression, context);
    case 'redirect':
      return prepareRedirect(expression, context);
    case 'notrack':
      return prepareNotrack();
    case 'flow-offload':
      return prepareFlowOffload(expression, context);
    case 'rt':
      return prepareRt(expression, context);
    case 'fib':
      return prepareFib(expression, context);
    case 'numgen':
      return prepareNumgen(expression, context);
    case 'hash':
      return prepareHash(expression, context.engine);
    case 'objref':
      return prepareObjref(expression, context);
    case 'objref-map':
      return prepareObjrefMap(expression, context);
    case 'dup':
      return prepareDup(expression, context);
    case 'fwd':
      return prepareFwd(expression, context);
    case 'queue':
      return prepareQueue(expression, context);
    default:
      return unreachable(expression);
  }
}
