/**
 * Builds and pushes the images of this commit and writes their digests, for IMAGE_DIGESTS:
 *
 *   node infra/commands/main-push-images.ts [NAME…] [--output data/infra/images.json] [--allow-dirty]
 *
 * IMAGE_REGISTRY says where to; `docker login` comes before, as the message of a push that is refused says.
 * A failure's exit code is that of what failed; nx turns each into 1.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBundle } from '@bpi/tools';
import { runCommand } from './command-context.ts';
import { pushImages } from './push-images-command.ts';

const repoRoot = join(import.meta.dirname, '../..');

await runCommand(repoRoot, async (context) => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { output: { type: 'string' }, 'allow-dirty': { type: 'boolean' } },
  });
  await pushImages(context, {
    names: positionals,
    output: resolve(values.output ?? join(context.dataDir, 'images.json')),
    workTree: values['allow-dirty'] === true ? 'may be dirty' : 'must be clean',
    bundle: (app) => ensureBundle(repoRoot, app, context.say),
  });
});
