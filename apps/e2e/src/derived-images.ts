/** Images that differ from another one by what a command did as root, each with a tag of this run. */
import { randomBytes } from 'node:crypto';
import Dockerode from 'dockerode';
import { required } from './harness.ts';

const REPOSITORY = 'bpi/e2e-derived';

export class DerivedImages {
  readonly #docker = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
  readonly #run = randomBytes(4).toString('hex');
  readonly #base: string;
  readonly #made = new Map<string, string>();

  constructor(base: string) {
    this.#base = base;
  }

  /** The image's name and tag. */
  async derive(name: string, script: string): Promise<string> {
    const container = await this.#docker.createContainer({
      Image: this.#base,
      User: '0:0',
      WorkingDir: '/',
      Cmd: ['sh', '-c', script],
      NetworkDisabled: true,
    });
    try {
      await container.start();
      const { StatusCode }: { StatusCode: number } = await container.wait();
      if (StatusCode !== 0) throw new Error(`the command for ${name} ended with ${StatusCode}: correct it`);
      const tag = `${name}-${this.#run}`;
      // Else the image's own command would be the script.
      const { Config } = await this.#docker.getImage(this.#base).inspect();
      await container.commit({ repo: REPOSITORY, tag, changes: `CMD ${JSON.stringify(Config.Cmd ?? [])}` });
      this.#made.set(name, `${REPOSITORY}:${tag}`);
      return `${REPOSITORY}:${tag}`;
    } finally {
      await container.remove({ force: true });
    }
  }

  /** All, or one of them. */
  async remove(...names: string[]): Promise<void> {
    for (const name of names.length === 0 ? [...this.#made.keys()] : names) {
      const image = this.#made.get(name);
      this.#made.delete(name);
      if (image !== undefined) await this.#docker.getImage(image).remove({ force: true });
    }
  }
}
