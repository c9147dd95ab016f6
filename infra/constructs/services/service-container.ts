export type ServiceContainerSettings = {
  name: string;
  image: string;
  environment: Readonly<Record<string, string>>;
  port: number;
  mount: { volume: string; path: string } | null;
  stopTimeoutS: number;
  /** Null for a service that takes no requests: then its port is for its own health check only. */
  ingress: object | null;
  logGroupName: string;
  region: string;
};

/** As AWS bounds a container of Fargate ("Task definition parameters for Fargate"). */
const STOP_TIMEOUT_S_MAX = 120;

/** What the agent asks the program; the image has Node and no other tool. A quarter of a CPU starts Node in seconds. */
const HEALTH_CHECK = { interval: 30, timeout: 15, retries: 3, startPeriod: 60 };

/**
 * The one container of a service, in the words of ECS's RegisterTaskDefinition. It gets the task's whole CPU and memory,
 * the user of its image, and no secrets: credentials come from the task's role.
 * @throws Error if Fargate would not wait as long as the program takes to end.
 */
export function serviceContainer(settings: ServiceContainerSettings) {
  const { name, port, mount, stopTimeoutS } = settings;
  if (stopTimeoutS > STOP_TIMEOUT_S_MAX) {
    throw new Error(`The ${name} cannot have ${stopTimeoutS} s to end: Fargate waits ${STOP_TIMEOUT_S_MAX} s at most.`);
  }
  return {
    name,
    image: settings.image,
    essential: true,
    environment: Object.entries(settings.environment)
      .map(([variable, value]) => ({ name: variable, value }))
      // Provider and ECS keep an order of their own: without one every plan would show a difference.
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    readonlyRootFilesystem: true,
    linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['ALL'] } },
    mountPoints: mount === null ? [] : [{ sourceVolume: mount.volume, containerPath: mount.path, readOnly: false }],
    portMappings:
      settings.ingress === null ? [] : [{ name: 'http', containerPort: port, hostPort: port, protocol: 'tcp' }],
    healthCheck: { command: ['CMD', 'node', '-e', healthProgram(port)], ...HEALTH_CHECK },
    stopTimeout: stopTimeoutS,
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': settings.logGroupName,
        'awslogs-region': settings.region,
        'awslogs-stream-prefix': name,
        // A service must not stand still because CloudWatch does.
        mode: 'non-blocking',
        'max-buffer-size': '4m',
      },
    },
  };
}

function healthProgram(port: number): string {
  return `fetch('http://127.0.0.1:${port}/health/live').then((r)=>process.exit(r.ok?0:1),()=>process.exit(1))`;
}
