import Architectures
import XCTest

/// Which blocks have a window, as config.json of GPT-Neo and OLMo 3 says it.
final class BlockTypeConfigurationTests: XCTestCase {
    private func neo(_ more: String) throws -> ModelConfiguration {
        let text = """
            {"model_type": "gpt_neo", "vocab_size": 50, "hidden_size": 12, "num_layers": 4, "num_heads": 3, "max_position_embeddings": 64 \(more)}
            """
        let made = try ModelConfiguration(configJSON: Array(text.utf8), path: "config.json")
        return try XCTUnwrap(made)
    }

    private func windows(_ configuration: ModelConfiguration) -> [Int?] {
        (0..<configuration.blockCount).map { configuration.window?.size(inBlock: $0) }
    }

    func testTypesAndHowOftenTheyCome() throws {
        XCTAssertEqual(windows(try neo("")), [nil, 256, nil, 256])
        XCTAssertEqual(
            windows(try neo(#", "window_size": 8, "attention_types": [[["global", "local"], 1], [["local"], 2]]"#)), [nil, 8, 8, 8])
        XCTAssertEqual(windows(try neo(#", "attention_types": [[["global"], 4]]"#)), [nil, nil, nil, nil])
        for (types, message) in [
            ("[]", "0 blocks of 4"), (#"[[["global"], 3]]"#, "3 blocks of 4"), (#"[[["local"], 1099511627776]]"#, "other than lists"),
            (#"[[["global", "other"], 2]]"#, "other than lists"), (#"[[["local"], -1]]"#, "other than lists"), ("7", "other than lists"),
            (#""local""#, "other than lists"),
        ] {
            XCTAssertThrowsError(try neo(#", "attention_types": \#(types)"#), types) {
                XCTAssertTrue("\($0)".contains("attention_types") && "\($0)".contains(message), "\(types): \($0)")
            }
        }
        XCTAssertThrowsError(try neo(#", "window_size": "8""#)) { XCTAssertTrue("\($0)".contains("no integer 'window_size'"), "\($0)") }
    }

    /// A window's own θ, unscaled, beside yarn for the other blocks; written as transformers reads it.
    func testScalingOfBlocksWithoutWindow() throws {
        let text = """
            {"model_type": "olmo3", "vocab_size": 50, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 4, "num_attention_heads": 2,
             "max_position_embeddings": 64, "rope_theta": 500000, "sliding_window": 8,
             "rope_scaling": {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 8}}
            """
        let configuration = try XCTUnwrap(try ModelConfiguration(configJSON: Array(text.utf8), path: "config.json"))
        XCTAssertEqual(windows(configuration), [8, 8, 8, nil])
        XCTAssertEqual((0..<4).map { configuration.rotation(inBlock: $0) }, [.local, .local, .local, .usual])
        XCTAssertEqual(configuration.localRopeTheta, 500_000)
        guard case .yarn(let yarn) = configuration.ropeScaling else { return XCTFail("\(configuration.ropeScaling)") }
        XCTAssertEqual(yarn.factor, 8)
        let written = configuration.configJSON(dtype: "float32", bosTokenID: nil, eosTokenID: nil, padTokenID: nil)
        let read = try XCTUnwrap(try ModelConfiguration(configJSON: written, path: "config.json"))
        XCTAssertEqual(read.ropeScaling, configuration.ropeScaling)
        XCTAssertEqual(read.localRopeTheta, 500_000)
        XCTAssertEqual(windows(read), windows(configuration))
    }
}
