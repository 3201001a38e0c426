import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.spec.MGF1ParameterSpec;
import java.util.List;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.*;
import org.bouncycastle.cms.jcajce.*;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.OutputEncryptor;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;
import org.bouncycastle.util.encoders.Hex;

/**
 * CMS by Bouncy Castle, held open: a command a line on standard input, `ok` or `error ...` for each.
 *
 * <pre>
 * sign IN OUT CERT KEY ALGORITHM FORM      ALGORITHM: a name of the JCA; FORM: detached or opaque
 * verify CMS CONTENT ROOT OUT              CONTENT: the detached content or -
 * encrypt IN OUT CERT CIPHER-OID HOW       HOW: -, agree:OID:CURVE, oaep:DIGEST:MGF1[:LABEL in hex]
 * decrypt IN OUT CERT KEY
 * </pre>
 */
public final class BouncyCastlePeer {
  private static final String BC = "BC";

  public static void main(String[] args) throws Exception {
    Security.addProvider(new BouncyCastleProvider());
    System.out.println(Security.getProvider(BC).getVersionStr());
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String answer = "ok";
      try {
        run(line.split(" "));
      } catch (Exception | LinkageError fault) {
        answer = "error " + String.valueOf(fault).replaceAll("\\s+", " ");
      }
      System.out.println(answer);
    }
  }

  private static void run(String[] word) throws Exception {
    switch (word[0]) {
      case "sign" -> sign(word);
      case "verify" -> verify(word);
      case "encrypt" -> encrypt(word);
      case "decrypt" -> decrypt(word);
      default -> throw new IllegalArgumentException(word[0]);
    }
  }

  private static byte[] read(String path) throws Exception {
    return Files.readAllBytes(Path.of(path));
  }

  private static Object pem(String path) throws Exception {
    try (PEMParser parser = new PEMParser(new StringReader(Files.readString(Path.of(path))))) {
      return parser.readObject();
    }
  }

  private static X509Certificate certificate(String path) throws Exception {
    return new JcaX509CertificateConverter().setProvider(BC).getCertificate((X509CertificateHolder) pem(path));
  }

  private static PrivateKey key(String path) throws Exception {
    return new JcaPEMKeyConverter().setProvider(BC).getPrivateKey((PrivateKeyInfo) pem(path));
  }

  private static void sign(String[] word) throws Exception {
    X509Certificate signer = certificate(word[3]);
    CMSSignedDataGenerator made = new CMSSignedDataGenerator();
    made.addSignerInfoGenerator(
        new JcaSimpleSignerInfoGeneratorBuilder().setProvider(BC).build(word[5], key(word[4]), signer));
    made.addCertificates(new JcaCertStore(List.of(signer)));
    CMSSignedData signed = made.generate(new CMSProcessableByteArray(read(word[1])), word[6].equals("opaque"));
    Files.write(Path.of(word[2]), signed.getEncoded());
  }

  @SuppressWarnings("unchecked") // the store of certificates is a raw type
  private static void verify(String[] word) throws Exception {
    CMSSignedData signed = word[2].equals("-")
        ? new CMSSignedData(read(word[1]))
        : new CMSSignedData(new CMSProcessableByteArray(read(word[2])), read(word[1]));
    for (SignerInformation signer : signed.getSignerInfos().getSigners()) {
      X509CertificateHolder holder =
          (X509CertificateHolder) signed.getCertificates().getMatches(signer.getSID()).iterator().next();
      X509Certificate certificate = new JcaX509CertificateConverter().setProvider(BC).getCertificate(holder);
      certificate.verify(certificate(word[3]).getPublicKey(), BC);
      if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(certificate))) {
        throw new CMSException("the signature is not good");
      }
    }
    Files.write(Path.of(word[4]), (byte[]) signed.getSignedContent().getContent());
  }

  private static RecipientInfoGenerator recipient(X509Certificate certificate, String how) throws Exception {
    String[] part = how.split(":");
    switch (part[0]) {
      case "oaep": {
        PSource label = part.length > 3 ? new PSource.PSpecified(Hex.decode(part[3])) : PSource.PSpecified.DEFAULT;
        OAEPParameterSpec spec = new OAEPParameterSpec(part[1], "MGF1", new MGF1ParameterSpec(part[2]), label);
        AlgorithmIdentifier algorithm =
            new JcaAlgorithmParametersConverter().getAlgorithmIdentifier(PKCSObjectIdentifiers.id_RSAES_OAEP, spec);
        return new JceKeyTransRecipientInfoGenerator(certificate, algorithm).setProvider(BC);
      }
      case "agree": {
        KeyPairGenerator maker = KeyPairGenerator.getInstance(part[2].equals("X25519") ? "X25519" : "EC", BC);
        if (certificate.getPublicKey() instanceof ECPublicKey ec) maker.initialize(ec.getParams());
        KeyPair ephemeral = maker.generateKeyPair();
        return new JceKeyAgreeRecipientInfoGenerator(
                new ASN1ObjectIdentifier(part[1]), ephemeral.getPrivate(), ephemeral.getPublic(), CMSAlgorithm.AES256_WRAP)
            .addRecipient(certificate)
            .setProvider(BC);
      }
      default:
        return new JceKeyTransRecipientInfoGenerator(certificate).setProvider(BC);
    }
  }

  private static void encrypt(String[] word) throws Exception {
    CMSProcessableByteArray content = new CMSProcessableByteArray(read(word[1]));
    RecipientInfoGenerator to = recipient(certificate(word[3]), word[5]);
    OutputEncryptor cipher =
        new JceCMSContentEncryptorBuilder(new ASN1ObjectIdentifier(word[4])).setProvider(BC).build();
    byte[] made;
    if (cipher instanceof OutputAEADEncryptor aead) {
      CMSAuthEnvelopedDataGenerator maker = new CMSAuthEnvelopedDataGenerator();
      maker.addRecipientInfoGenerator(to);
      made = maker.generate(content, aead).getEncoded();
    } else {
      CMSEnvelopedDataGenerator maker = new CMSEnvelopedDataGenerator();
      maker.addRecipientInfoGenerator(to);
      made = maker.generate(content, cipher).getEncoded();
    }
    Files.write(Path.of(word[2]), made);
  }

  private static void decrypt(String[] word) throws Exception {
    byte[] bytes = read(word[1]);
    PrivateKey key = key(word[4]);
    boolean isAuthenticated =
        ContentInfo.getInstance(bytes).getContentType().equals(PKCSObjectIdentifiers.id_ct_authEnvelopedData);
    RecipientInformation recipient = isAuthenticated
        ? new CMSAuthEnvelopedData(bytes).getRecipientInfos().getRecipients().iterator().next()
        : new CMSEnvelopedData(bytes).getRecipientInfos().getRecipients().iterator().next();
    Recipient opener;
    if (recipient instanceof KeyAgreeRecipientInformation) opener = new JceKeyAgreeEnvelopedRecipient(key).setProvider(BC);
    else if (isAuthenticated) opener = new JceKeyTransAuthEnvelopedRecipient(key).setProvider(BC);
    else opener = new JceKeyTransEnvelopedRecipient(key).setProvider(BC);
    Files.write(Path.of(word[2]), recipient.getContent(opener));
  }
}
