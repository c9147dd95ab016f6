import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { approvalOf } from './approval.ts';
import { AwsDevAccount, findCredentials } from './aws-dev-account.ts';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';
import { destroyDev } from './destroy-dev.ts';
import { DEV, PATIENCE } from './empty-dev.ts';
import { deployEnvironment, type Environment, planEnvironment, type PlanRequest } from './plan-and-deploy.ts';

const USAGE = `usage: main-terraform.ts plan dev|prod [--no-lock] [--quiet] [--text FILE]
       main-terraform.ts deploy dev|prod [--approve]
       main-terraform.ts destroy dev [--confirm dev]`;

const USAGE_EXIT_CODE = 2;

type Request =
  | ({ command: 'plan' } & PlanRequest)
  | { command: 'deploy'; environment: Environment; isApproved: boolean }
  | { command: 'destroy'; confirmation: string | null };

/** @throws CommandError with the usage, or one sentence */
export function parseRequest(argv: readonly string[]): Request {
  const { positionals, values } = parse(argv);
  const [command, environment, ...more] = positionals;
  if (more.length > 0 || (environment !== 'dev' && environment !== 'prod'))
    throw new CommandError(USAGE, USAGE_EXIT_CODE);
  const given = Object.keys(values);
  const allow = (...names: string[]) => {
    if (given.some((name) => !names.includes(name))) throw new CommandError(USAGE, USAGE_EXIT_CODE);
  };
  if (command === 'plan') {
    allow('no-lock', 'quiet', 'text');
    return {
      command,
      environment,
      lock: values['no-lock'] === true ? 'none' : 'held',
      shown: values.quiet === true ? 'errors' : 'all',
      textFile: values.text === undefined ? null : resolve(values.text),
    };
  }
  if (command === 'deploy') {
    allow('approve');
    return { command, environment, isApproved: values.approve === true };
  }
  if (command === 'destroy') {
    allow('confirm');
    if (environment !== 'dev') {
      throw new CommandError(`${environment} is not destroyed by a command: only dev is.`, USAGE_EXIT_CODE);
    }
    return { command, confirmation: values.confirm ?? null };
  }
  throw new CommandError(USAGE, USAGE_EXIT_CODE);
}

export async function runTerraformCommand(context: CommandContext, argv: readonly string[]): Promise<void> {
  const request = parseRequest(argv);
  switch (request.command) {
    case 'plan':
      return planEnvironment(context, findCredentials, request);
    case 'deploy': {
      const approval = approvalOf(request.isApproved, context);
      return deployEnvironment(context, findCredentials, { environment: request.environment, approval });
    }
    case 'destroy':
      return destroyDev(context, {
        confirmation: request.confirmation ?? context.env['CONFIRM_DESTROY'] ?? null,
        findCredentials,
        openAccount: (region) => new AwsDevAccount({ region, cluster: DEV.cluster }),
        patience: PATIENCE,
      });
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        'no-lock': { type: 'boolean' },
        quiet: { type: 'boolean' },
        text: { type: 'string' },
        approve: { type: 'boolean' },
        confirm: { type: 'string' },
      },
    });
  } catch (error) {
    throw new CommandError(`${error instanceof Error ? `${error.message}\n` : ''}${USAGE}`, USAGE_EXIT_CODE);
  }
}
