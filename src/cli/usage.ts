// Wrong usage in one line: what is wrong and what was probably meant, instead of yargs' own messages and pages of help.
// And what yargs gets wrong: a lone `-` (standard input) among files, which it drops.
import { nearest } from '../nft/suggest.ts';

/** A command as usage errors know it. */
export interface NamedCommand {
  name: string;
  options: Record<string, unknown>;
  /** What must be given: 'a ruleset and at least one capture'. */
  needs: string;
}

/** What stands for `-` while yargs looks at the arguments. */
const DASH = 'dash:-';

/** The arguments as yargs takes them without losing any: `-`, and files after `--` whose names begin with a dash. */
export function forYargs(args: string[]): string[] {
  const end = args.indexOf('--');
  return args.map((text, index) => {
    if (text === '-') return DASH;
    return end >= 0 && index > end && text.startsWith('-') ? `./${text}` : text;
  });
}

/** A path as the user gave it. */
export function asGiven(path: string): string {
  return path === DASH ? '-' : path;
}

/** One line for a message of yargs; `args` are the user's, `commands` all there are. */
export function usageLine(message: string, args: string[], commands: NamedCommand[]): string {
  const command = commands.find(({ name }) => args.includes(name));
  const help = `nftreplay ${command === undefined ? '' : `${command.name} `}--help shows how`;
  return `${clearer(message, args, command, commands)} (${help})`;
}

function clearer(message: string, args: string[], command: NamedCommand | undefined, commands: NamedCommand[]): string {
  const unknown = /^Unknown (?:argument|command)s?: ([^,\s]+)/.exec(message)?.[1];
  if (unknown !== undefined) return unknownName(unknown, args, command, commands);
  if (/^Not enough non-option arguments/.test(message)) return `name ${command?.needs ?? 'what to work on'}`;
  const lonely = /^(?:Not enough arguments following|Missing argument value): ([^,\s]+)/.exec(message)?.[1];
  if (lonely !== undefined) return `${dashed(lonely)} needs a value`;
  const choice = /Argument: (\S+), Given: (.*?), Choices: (.*)$/s.exec(message);
  if (choice !== null) return `${dashed(choice[1] ?? '')}: ${choice[2]} is none of ${choice[3]}`;
  return message.replace(/\s+/g, ' ').trim();
}

function unknownName(
  name: string,
  args: string[],
  command: NamedCommand | undefined,
  commands: NamedCommand[],
): string {
  const typed = args.find((text) => text.replace(/^-+/, '').split('=')[0] === name && text.startsWith('-'));
  if (typed === undefined) {
    const names = [...commands.map((row) => row.name), 'completion'];
    const meant = nearest(name, names);
    return `there is no command "${name}"${meant === undefined ? ` (there are ${names.join(', ')})` : `; did you mean "${meant}"?`}`;
  }
  const options =
    command === undefined ? commands.flatMap((row) => Object.keys(row.options)) : Object.keys(command.options);
  const meant = nearest(name, options);
  return `there is no option ${typed.split('=')[0]}${meant === undefined ? '' : `; did you mean --${meant}?`}`;
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
