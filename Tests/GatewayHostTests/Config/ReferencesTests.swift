import Glibc
import Testing

@testable import GatewayHost

@Suite struct ReferencesTests {
    private func resolve(
        _ text: String, _ variables: [String: String] = [:], file: String = "gateway.yaml"
    ) throws(ConfigFaults) -> YAMLScalar {
        let root = try References.resolve(
            ConfigFixture.tree("value: \(text)\n"), file: file, environment: Environment(variables))
        guard case .scalar(let scalar)? = root["value"]?.content else { preconditionFailure() }
        return scalar
    }

    private func fault(_ text: String, _ variables: [String: String] = [:]) -> String {
        do {
            return "no fault: \(try resolve(text, variables).text)"
        } catch {
            return error.description
        }
    }

    @Test func variablesDefaultsAndEscapes() throws {
        let variables = ["NAME": "value", "EMPTY": "", "PORT": "8080"]
        #expect(try resolve("${NAME}", variables).text == "value")
        #expect(try resolve("\"a ${NAME} b ${PORT}\"", variables).text == "a value b 8080")
        #expect(try resolve("${OTHER:-fallback}", variables).text == "fallback")
        #expect(try resolve("${EMPTY:-fallback}", variables).text == "fallback")
        #expect(try resolve("${EMPTY}", variables).text == "")
        #expect(try resolve("${OTHER:-}", variables).text == "")
        #expect(try resolve("costs $5 and $${NAME}", variables).text == "costs $5 and ${NAME}")
        #expect(try resolve("a$", variables).text == "a$")
    }

    @Test func whatComesThroughAReferenceIsRemembered() throws {
        #expect(try resolve("x${NAME}", ["NAME": "v"]).fromReference)
        #expect(try resolve("${NAME:-v}").fromReference)
        #expect(try !resolve("$${NAME}").fromReference)
        #expect(try resolve("${N}", ["N": "12"]).resolved == .integer(12))
        #expect(try resolve("\"${N}\"", ["N": "12"]).resolved == .text("12"))
        #expect(try resolve("${N}", ["N": ""]).resolved == .text(""))
        #expect(try resolve("${N}", ["N": "s3cret"]).spoken == "a value from a reference")
    }

    @Test func aVariableNeverBecomesAReferenceOrAFile() throws {
        #expect(try resolve("${A}", ["A": "${B}", "B": "x"]).text == "${B}")
        #expect(try resolve("${A}", ["A": "file:/etc/passwd"]).text == "file:/etc/passwd")
    }

    @Test func faultsNameTheVariableAndTheWayOut() {
        #expect(
            fault("${ANTROPIC_API_KEY}", ["ANTHROPIC_API_KEY": "x"])
                == "gateway.yaml:1:8: value: the variable ANTROPIC_API_KEY is not set. Did you mean ${ANTHROPIC_API_KEY}? Otherwise set it in the environment or in .env, or give a default: ${ANTROPIC_API_KEY:-value}."
        )
        #expect(
            fault("${LAPTOP_KEY}")
                == "gateway.yaml:1:8: value: the variable LAPTOP_KEY is not set. Set it in the environment or in .env, or give a default: ${LAPTOP_KEY:-value}."
        )
        #expect(
            fault("\"${oops\"")
                == "gateway.yaml:1:8: value: a reference ${ without its }. Close it, or write $${ for a plain ${.")
        #expect(
            fault("${a b}")
                == "gateway.yaml:1:8: value: \"a b\" is no name of a variable. Write ${NAME} or ${NAME:-default}; names have letters, digits and underscores. Write $${ for a plain ${."
        )
        #expect(
            fault("\"file:\"")
                == "gateway.yaml:1:8: value: file: without a path. Write file:PATH, relative to the configuration's folder."
        )
        #expect(
            fault("file:/nonexistent/key")
                == "gateway.yaml:1:8: value: the file /nonexistent/key cannot be read: No such file or directory")
        #expect(fault("file:/").hasSuffix("the file / is a folder"))
    }

    @Test func filesAreRelativeToTheConfigurationAndTrimmed() throws {
        let folder = try TemporaryFolder()
        #expect(FileBytes.replace(folder.path + "/key", with: Array(" s3cret \n\n".utf8), mode: 0o600) == nil)
        let scalar = try resolve("file:key", file: folder.path + "/gateway.yaml")
        #expect(scalar.text == " s3cret")
        #expect(scalar.fromReference)
        let viaVariable = try resolve(
            "file:${FOLDER}/key", ["FOLDER": folder.path], file: "/elsewhere/gateway.yaml")
        #expect(viaVariable.text == " s3cret")
    }

    @Test func whatReferencesStandForIsBounded() {
        let big = String(repeating: "x", count: 1 << 20)
        let list = "[" + (0..<64).map { _ in "${BIG}" }.joined(separator: ", ") + "]"
        #expect(throws: ConfigFaults.self) {
            try References.resolve(
                ConfigFixture.tree("value: \(list)"), file: "f", environment: Environment(["BIG": big]))
        }
        #expect(fault("\"" + String(repeating: "${BIG}", count: 64) + "\"", ["BIG": big]).contains("stand for more"))
    }

    @Test func dotEnvIsReadAndNeverOverridesTheProcess() throws {
        var environment = Environment(["PORT": "1"])
        try environment.add(
            dotEnv: Array(
                """
                # seed names
                PORT=3001
                export REDIS_HOST = redis.local
                REDIS_PASSWORD="a \\"b\\" \\n#c"   # comment
                ENCRYPTION_KEY='$literal#'
                JWT_SECRET=ab#cd # comment
                EMPTY=\r
                LAST=1
                """.utf8), file: ".env")
        #expect(environment["PORT"] == "1")
        #expect(environment["REDIS_HOST"] == "redis.local")
        #expect(environment["REDIS_PASSWORD"] == "a \"b\" \n#c")
        #expect(environment["ENCRYPTION_KEY"] == "$literal#")
        #expect(environment["JWT_SECRET"] == "ab#cd")
        #expect(environment["EMPTY"] == "")
    }

    @Test func dotEnvFaultsNameTheLine() {
        var environment = Environment([:])
        do {
            try environment.add(dotEnv: Array("A=1\nnonsense\nB=\"open\n2X=1\n".utf8), file: ".env")
            Issue.record("accepted")
        } catch {
            #expect(
                error.description == """
                    .env:2:1: this line is not NAME=value. Begin it with # if it is a comment.
                    .env:3:1: B: the quoted value does not end on its line. Close the quote; write a line break as \\n in double quotes.
                    .env:4:1: this line is not NAME=value. Begin it with # if it is a comment.
                    """)
        }
    }
}

/// A folder of a test's own below /tmp, removed with the value.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/gateway-test-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        let folder = opendir(path)
        while let entry = folder.flatMap({ readdir($0) }) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { unlink("\(path)/\(name)") }
        }
        if let folder { closedir(folder) }
        rmdir(path)
    }
}
