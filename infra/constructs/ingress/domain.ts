import { AcmCertificateValidation } from '@cdktf/provider-aws/lib/acm-certificate-validation/index.js';
import { AcmCertificate } from '@cdktf/provider-aws/lib/acm-certificate/index.js';
import { DataAwsRoute53Zone } from '@cdktf/provider-aws/lib/data-aws-route53-zone/index.js';
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record/index.js';
import { Construct } from 'constructs';

/** A host name, and the public Route 53 zone that it lies in. */
export type DomainSettings = { name: string; zone: string };

const VALIDATION_TTL_S = 60;

/**
 * A name of our own in a zone that is there already, and its certificate, which is proven by a record in that zone: it
 * renews itself as long as the record stays.
 */
export class Domain extends Construct {
  readonly name: string;
  /** Only once it is issued. */
  readonly certificateArn: string;
  readonly #zoneId: string;

  constructor(scope: Construct, id: string, { name, zone }: DomainSettings) {
    super(scope, id);
    this.name = name;
    this.#zoneId = new DataAwsRoute53Zone(this, 'zone', { name: zone, privateZone: false }).zoneId;
    const certificate = new AcmCertificate(this, 'certificate', {
      domainName: name,
      validationMethod: 'DNS',
      // One that is in use cannot be deleted: its successor comes first.
      lifecycle: { createBeforeDestroy: true },
    });
    const asked = certificate.domainValidationOptions.get(0); // one name, so one proof
    const proof = new Route53Record(this, 'proof', {
      zoneId: this.#zoneId,
      name: asked.resourceRecordName,
      type: asked.resourceRecordType,
      records: [asked.resourceRecordValue],
      ttl: VALIDATION_TTL_S,
      // The same for every certificate of this name in this account: another one may have left it.
      allowOverwrite: true,
    });
    this.certificateArn = new AcmCertificateValidation(this, 'issued', {
      certificateArn: certificate.arn,
      validationRecordFqdns: [proof.fqdn],
    }).certificateArn;
  }

  /** Makes the name lead to an ingress. */
  leadTo(ingress: { dnsName: string; zoneId: string }): void {
    new Route53Record(this, 'alias', {
      zoneId: this.#zoneId,
      name: this.name,
      type: 'A',
      // One place only: there is nowhere else to send anybody when it is unwell.
      alias: { name: ingress.dnsName, zoneId: ingress.zoneId, evaluateTargetHealth: false },
    });
  }
}
