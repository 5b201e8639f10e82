import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Checks tokens with Nimbus JOSE + JWT. ../proofs_test.go says what goes in and out. */
class Check {
    public static void main(String[] args) throws Exception {
        Map<String, Object> in = JSONObjectUtils.parse(new String(System.in.readAllBytes(), "UTF-8"));
        String issuer = (String) in.get("issuer");
        var keys = JWKSourceBuilder.create(URI.create(issuer + "/.well-known/jwks.json").toURL()).build();
        var processor = new DefaultJWTProcessor<SecurityContext>();
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.RS256, keys));
        processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>((String) in.get("audience"),
            new JWTClaimsSet.Builder().issuer(issuer).claim("nonce", in.get("nonce")).build(), Set.of("exp")));

        var results = new LinkedHashMap<String, Object>();
        for (Map<String, Object> token : JSONObjectUtils.getJSONObjectArray(in, "tokens")) {
            String result;
            try {
                JWTClaimsSet claims = processor.process((String) token.get("token"), null);
                result = token.get("purpose").equals(claims.getClaim("purpose")) ? "accepted" : "other purpose";
            } catch (Exception e) {
                result = e.toString();
            }
            results.put((String) token.get("name"), result);
        }
        System.out.println(JSONObjectUtils.toJSONString(Map.of("nimbus-jose-jwt", results)));
    }
}
