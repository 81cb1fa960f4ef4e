import Architectures
import ModelGraph
import XCTest

@testable import GGUFFormat

/// Lists of key heads and widths in files of models whose blocks are of several kinds, whole and broken.
final class BlockKindMetadataTests: XCTestCase {
    private func list(_ numbers: [Int32]) -> MetadataValue { .array(.int32, numbers.map { .int32($0) }) }

    private func metadata(_ name: String, _ changes: [(String, MetadataValue?)] = []) -> Metadata {
        var metadata = Metadata()
        metadata["general.architecture"] = .string(name)
        let sizes: [(String, UInt32)] = [
            ("block_count", 3), ("context_length", 64), ("embedding_length", 32), ("feed_forward_length", 48), ("attention.head_count", 4),
            ("ssm.conv_kernel", 4), ("ssm.inner_size", 64), ("ssm.state_size", 16), ("ssm.time_step_rank", 4), ("ssm.group_count", 2),
            ("vocab_size", 50), ("shortconv.l_cache", 3),
        ]
        for (key, size) in sizes { metadata["\(name).\(key)"] = .uint32(size) }
        for (key, value) in changes { metadata["\(name).\(key)"] = value }
        return metadata
    }

    private func configuration(_ metadata: Metadata) throws -> ModelConfiguration {
        let found = try ModelConfiguration(metadata: metadata, vocabularySize: nil, tiesEmbeddings: true)
        return try XCTUnwrap(found)
    }

    private func kinds(_ c: ModelConfiguration) -> [BlockParts] { (0..<c.blockCount).map(c.parts) }

    func testKindsOfBlocks() throws {
        let granite = try configuration(metadata("granitehybrid", [("attention.head_count_kv", list([0, 2, 0]))]))
        XCTAssertEqual(kinds(granite), [.stateSpace, .attention, .stateSpace])
        XCTAssertEqual([granite.keyValueHeadCount, granite.stateSpace?.headCount], [2, 4])
        XCTAssertEqual(granite.design.positions, .rotary)
        let still = [("attention.head_count_kv", list([0, 2, 0])), ("rope.scaling.finetuned", MetadataValue.bool(false))]
        XCTAssertEqual(try configuration(metadata("granitehybrid", still)).design.positions, .none)
        // Granite itself has positions.
        XCTAssertEqual(try configuration(metadata("granite", [still[1]])).unsupportedFeatures, ["rope.scaling.finetuned false"])
        let nemotron = try configuration(
            metadata("nemotron_h", [("attention.head_count_kv", list([0, 2, 0])), ("feed_forward_length", list([0, 0, 48]))]))
        XCTAssertEqual(kinds(nemotron), [.stateSpaceAlone, .attentionAlone, .mlpAlone])
        let lfm = try configuration(metadata("lfm2", [("attention.head_count_kv", list([2, 0, 2]))]))
        XCTAssertEqual(kinds(lfm), [.attention, .stateSpace, .attention])
        XCTAssertEqual(lfm.stateSpace?.kind, .convolution)
        let qwen = try configuration(
            metadata(
                "qwen35",
                [("attention.recurrent_layers", .array(.bool, [.bool(true), .bool(false), .bool(true)])), ("ssm.group_count", .uint32(4))]))
        XCTAssertEqual(kinds(qwen), [.stateSpace, .attention, .stateSpace])
    }

    func testBrokenListsAreRefusedByName() throws {
        for (name, changes, words) in [
            ("granitehybrid", [("attention.head_count_kv", list([0, 2]))], "head_count_kv' is no list of sizes of 3 blocks"),
            ("granitehybrid", [("attention.head_count_kv", list([0, -2, 0]))], "head_count_kv' is no list of sizes of 3 blocks"),
            ("granitehybrid", [("attention.head_count_kv", list([2, 4, 0]))], "head_count_kv' has blocks of several sizes"),
            ("granitehybrid", [("attention.head_count_kv", list([0, 2, 0])), ("ssm.state_size", nil)], "ssm.state_size"),
            ("granitehybrid", [("block_count", .uint32(.max))], "block_count' is 4294967295"),
            ("lfm2", [("attention.head_count_kv", list([0, 2, 0])), ("shortconv.l_cache", nil)], "shortconv.l_cache"),
            ("lfm2", [("feed_forward_length", nil)], "feed_forward_length"),
            (
                "qwen35", [("attention.recurrent_layers", .array(.bool, [.bool(true)])), ("ssm.group_count", .uint32(4))],
                "which of 3 blocks"
            ),
            ("qwen35", [], "ssm.time_step_rank 4 is not ssm.group_count 2"),
        ] as [(String, [(String, MetadataValue?)], String)] {
            XCTAssertThrowsError(try configuration(metadata(name, changes)), words) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
