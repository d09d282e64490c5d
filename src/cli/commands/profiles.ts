// `nftreplay profiles [NAME]`: the device profiles that price a replay, and every number of one with its source.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { describeProfile } from '../../cost/describe-profile.ts';
import { profile, profiles } from '../../cost/profiles.ts';
import { columns } from '../../report/format.ts';

interface ProfilesArguments {
  name?: string | undefined;
}

export const profilesCommand: CommandModule<object, ProfilesArguments> = {
  command: 'profiles [NAME]',
  describe: 'list the device profiles, or show every number of one with its source',
  builder: (argv: Argv<object>) =>
    argv
      .positional('NAME', { type: 'string', describe: 'a profile, or a YAML/JSON file of your own' })
      .example('$0 profiles', 'list them')
      .example('$0 profiles generic-arm64', 'what one is made of') as unknown as Argv<ProfilesArguments>,
  handler: (args: ArgumentsCamelCase<ProfilesArguments>) => {
    const name = args.NAME as string | undefined;
    if (name !== undefined) {
      process.stdout.write(`${describeProfile(profile(name))}\n`);
      return;
    }
    const rows = profiles().flatMap((row) => [
      [row.name, row.instructionSet, row.title],
      ...(row.aliases.length > 0 ? [['', '', `also ${row.aliases.join(', ')}`]] : []),
    ]);
    process.stdout.write(`${columns([['name', 'set', 'device'], ...rows], 'lll').join('\n')}\n`);
    process.stdout.write('\nnftreplay profiles NAME shows every number with its source; run --profile NAME uses it\n');
  },
};
