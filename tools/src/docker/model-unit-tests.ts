import type Docker from 'dockerode';

const RUN_TIMEOUT_MS = 120_000;

/**
 * Runs a Python model's own tests (`tests/` of its folder) inside its image, with the packages that jobs meet.
 * Hardened as a job is; `/tmp` is writable. Returns the exit code and what the run printed.
 */
export async function runModelUnitTests(
  docker: Docker,
  model: { image: string; folder: string },
): Promise<{ exitCode: number; output: string }> {
  const container = await docker.createContainer({
    Image: model.image,
    Cmd: ['python3', '-m', 'unittest', 'discover', '-s', '/model/tests'],
    Env: ['PYTHONDONTWRITEBYTECODE=1'],
    User: '65532:65532',
    Tty: true,
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Binds: [`${model.folder}:/model:ro`],
      Tmpfs: { '/tmp': 'uid=65532,gid=65532,mode=0700,size=64m' },
    },
  });
  try {
    await container.start();
    const ended: { StatusCode: number } = await container.wait({ abortSignal: AbortSignal.timeout(RUN_TIMEOUT_MS) });
    const output = await container.logs({ stdout: true, stderr: true });
    return { exitCode: ended.StatusCode, output: output.toString('utf8') };
  } finally {
    await container.remove({ force: true });
  }
}
