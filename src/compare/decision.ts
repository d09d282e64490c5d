// Who decided a packet's fate on one side: a rule, a chain's policy, the flowtable, or something that is no rule. A cause
// of a difference is a pair of these.
import type { SourceLocation } from '../base/errors.ts';

export interface Decision {
  kind: 'rule' | 'policy' | 'flowtable' | 'unmatched' | 'absent' | 'other';
  /** Global index of the rule, when it is one. */
  rule?: number;
  /** 'inet fw4 forward rule 3', 'inet fw4 forward', 'flowtable inet fw4 ft'. */
  place: string;
  /** nft text of the rule, 'policy drop', or words. */
  text: string;
  location?: SourceLocation;
  /** The rule that jumped to its chain, 'line 34: iifname "br-lan" jump forward_lan'. */
  via?: string;
  /** What became of the other side's rule here, one sentence. */
  note?: string;
}

/** The same for decisions that are one cause. */
export function decisionKey(row: Decision): string {
  const where = row.location === undefined ? '' : `${row.location.file}:${row.location.line}:${row.location.column}`;
  return `${row.kind}|${row.place}|${row.text}|${where}|${row.via ?? ''}`;
}
