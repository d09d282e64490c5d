// Of rulesets that other people wrote, what packets change and nothing else: their text is not ours to keep. Both sides are
// compared by this, so that kept answers say as much as new ones.

type Json = Record<string, unknown>;

/** Statements of rules that packets change. */
const STATEFUL = ['counter', 'quota', 'limit', 'last', 'ct count'];

/** Kinds of rows that packets never change. */
const TEXT = ['table', 'chain', 'flowtable'];

/** Rows of `nft -j list ruleset`: rules keep their place and their stateful statements, sets are those that packets fill or count in. */
export function changedRows(rows: Json[]): Json[] {
  return rows.flatMap((row): Json[] => {
    const rule = row.rule as Json | undefined;
    if (rule !== undefined) {
      const { family, table, chain, handle, expr } = rule;
      const kept = (expr as Json[]).filter((one) => Object.keys(one).some((kind) => STATEFUL.includes(kind)));
      return [{ rule: { family, table, chain, handle, expr: kept } }];
    }
    const set = (row.set ?? row.map ?? row.meter) as Json | undefined;
    if (set !== undefined) return isChanged(set) ? [row] : [];
    return TEXT.some((kind) => row[kind] !== undefined) ? [] : [row];
  });
}

function isChanged(set: Json): boolean {
  const flags = Array.isArray(set.flags) ? set.flags : [set.flags];
  return flags.includes('dynamic') || /"(counter|quota|limit|last)":/.test(JSON.stringify(set.elem ?? []));
}
