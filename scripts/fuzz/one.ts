// What a mutated ruleset must end in: a result that lists, or an NftError with a place.
import { NftError } from '../../src/base/errors.ts';
import { translate } from '../../src/nft/compile.ts';
import { printNetlink } from '../../src/nft/debug-netlink.ts';
import { formatNftError } from '../../src/nft/errors.ts';
import { jsonText, list, listJson } from '../../src/nft/listing.ts';

/** In a folder that is not there: `include "*"` must not read what lies about. */
const NOWHERE = '/no/such/folder/test.nft';

/** Compiles, prints and lists. Throws anything but an NftError on: a bug of ours. */
export function fuzzOne(text: string): 'compiled' | 'refused' {
  try {
    const { ruleset } = translate({ path: NOWHERE, text }, false);
    printNetlink(ruleset);
    list(ruleset);
    jsonText(listJson(ruleset));
    return 'compiled';
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    formatNftError(error);
    return 'refused';
  }
}
