@testable import CapletFormat
import FormatKit
import ModelGraph
import TestSupport
import XCTest

/// Each error that header, footer, manifest, frames and encodings can give, word for word.
final class ContainerErrorTests: XCTestCase {
    private func message(_ body: () throws -> Void, line: UInt = #line) -> String {
        do {
            try body()
            XCTFail("no error", line: line)
            return ""
        } catch { return "\(error)" }
    }

    // MARK: - Header and footer

    func testHeaders() {
        func header(_ bytes: [UInt8], line: UInt = #line) -> String {
            message({ try bytes.withUnsafeBytes { try ContainerHeader.check($0, path: "c") } }, line: line)
        }
        let good = ContainerHeader.bytes
        XCTAssertEqual(header([1, 2, 3]), "c: header: does not begin as a .caplet file")
        XCTAssertEqual(header(Array(good.dropLast())), "c: header: the file ends inside it")
        var damaged = good
        damaged[24] ^= 1
        XCTAssertEqual(header(damaged), "c: header: is damaged")
        func laid(version: UInt16, reserved: UInt8) -> [UInt8] {
            RawFrame.lay(ContainerHeader.magic + RawFrame.littleEndian(version) + [reserved, 0, 0, 0, 0, 0, 0, 0])
        }
        XCTAssertEqual(header(laid(version: 7, reserved: 0)), "c: header: version 7 of the container; 1 is what can be read")
        XCTAssertEqual(header(laid(version: 1, reserved: 1)), "c: header: reserved bytes are not zero")
    }

    func testFooters() {
        func footer(_ words: [UInt64], version: UInt16 = 1, stored: Int = 20, line: UInt = #line) -> String {
            let content = words.flatMap { RawFrame.littleEndian($0) } + RawFrame.littleEndian(version) + ContainerHeader.magic
            let bytes = ContainerHeader.bytes + [UInt8](repeating: 0, count: stored) + RawFrame.lay(content)
            return message({ _ = try bytes.withUnsafeBytes { try ContainerFooter($0, path: "c") } }, line: line)
        }
        let start = UInt64(ContainerHeader.byteCount)
        XCTAssertEqual(
            message { _ = try [UInt8](repeating: 0, count: 50).withUnsafeBytes { try ContainerFooter($0, path: "c") } },
            "c: footer: the file has 50 bytes, too few for one; it is cut short")
        XCTAssertEqual(
            message { _ = try [UInt8](repeating: 0, count: 200).withUnsafeBytes { try ContainerFooter($0, path: "c") } },
            "c: footer: is not at the end of the file, which is damaged or cut short")
        XCTAssertEqual(footer([start, 20, 8, 0, 0, 0], version: 9), "c: footer: version 9 of the container; 1 is what can be read")
        XCTAssertEqual(footer([start, 20, 8, 0, 0, 1]), "c: footer: reserved bytes are not zero")
        for (offset, stored) in [(0, 20), (36, 19), (UInt64.max, 20), (36, .max), (37, 20)] as [(UInt64, UInt64)] {
            XCTAssertEqual(
                footer([offset, stored, 8, 0, 0, 0]), "c: footer: puts the manifest at \(offset), \(stored) bytes long, in a file of 132")
        }
        XCTAssertEqual(footer([start, 20, 1 << 27, 0, 0, 0]), "c: footer: declares a manifest of 134217728 bytes; 67108864 are allowed")
        XCTAssertEqual(footer([start, 20, 1 << 21, 0, 0, 0]), "c: footer: declares a manifest of 2097152 bytes from 20")
        let good =
            ContainerHeader.bytes + [UInt8](repeating: 0, count: 20)
            + ContainerFooter(manifestOffset: 36, manifestFrame: [UInt8](repeating: 0, count: 20), manifestContentByteCount: 8).bytes
        var damaged = good
        damaged[good.count - 30] ^= 1
        XCTAssertEqual(message { _ = try damaged.withUnsafeBytes { try ContainerFooter($0, path: "c") } }, "c: footer: is damaged")
    }

    func testManifestFrames() throws {
        let folder = try TemporaryFolder()
        func read(_ frame: [UInt8], _ size: Int, digestOf other: [UInt8]? = nil) throws -> String {
            let footer = ContainerFooter(manifestOffset: 36, manifestFrame: other ?? frame, manifestContentByteCount: size)
            let path = try folder.write(ContainerHeader.bytes + frame + footer.bytes, as: "c")
            return message { _ = try CapletReader(path, ReadContext()) }.replacingOccurrences(of: path, with: "c")
        }
        let frame = try [UInt8](repeating: 0x7B, count: 40).withUnsafeBytes { try ZstdFrame.compress($0, .text) }
        XCTAssertEqual(
            try read(frame, 40, digestOf: [UInt8](repeating: 0, count: frame.count)),
            "c: manifest: is damaged: its digest is not the footer's")
        XCTAssertEqual(try read([UInt8](repeating: 0, count: 40), 40), "c: manifest: its frame is no zstd frame as the container has them")
        XCTAssertEqual(try read(frame, 41), "c: manifest: its frame declares 40 bytes of content, 41 are listed")
        XCTAssertEqual(try read(frame + [0], 40), "c: manifest: its frame is \(frame.count) bytes long, \(frame.count + 1) are listed")
        var damaged = frame
        damaged[frame.count - 1] ^= 1
        XCTAssertTrue(try read(damaged, 40).hasPrefix("c: manifest: its frame zstd: "))
        XCTAssertTrue(try read(frame, 40).hasPrefix("c: manifest: is not valid JSON at byte 1"))
    }

    // MARK: - Manifest

    private let digest = String(repeating: "0", count: 32)

    private func part(
        _ encoding: String = "\"raw\"", bytes: String = "0", frames: String = "[]", digest: String? = nil, offset: String = "36",
        more: String = ""
    ) -> String {
        """
        {"encoding":\(encoding),"bytes":\(bytes),"chunk":4096,"offset":\(offset),"frames":\(frames),"digest":"\(digest ?? self.digest)",\
        "storedDigest":"\(self.digest)"\(more)}
        """
    }

    private func array(_ part: String, dtype: String = "F32", shape: String = "[0]") -> String {
        "{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"part\":\(part)}"
    }

    private func parse(_ text: String, tiling: Bool = false, line: UInt = #line) -> String {
        message(
            {
                let manifest = try Array(text.utf8).withUnsafeBytes { try Manifest(parsing: $0, path: "c") }
                if tiling { try manifest.checkTiling(manifestOffset: ContainerHeader.byteCount, path: "c") }
            }, line: line)
    }

    private func manifest(
        version: String = "1", format: String = "caplet", generator: String = "\"x\"", provenance: String = "[]", metadata: String = "[]",
        ties: String = "[]", attachments: String = "[]", tensors: String = "[]", more: String = ""
    ) -> String {
        """
        {"format":"\(format)","version":\(version),"generator":\(generator),"provenance":\(provenance),"metadata":\(metadata),"ties":\(ties),\
        "attachments":\(attachments),"tensors":\(tensors)\(more)}
        """
    }

    private func tensor(_ payload: String, role: String = "unknown", shape: String = "[0]", dtype: String = "F32") -> String {
        manifest(tensors: "[{\"name\":\"t\",\"shape\":\(shape),\"dtype\":\"\(dtype)\",\"role\":\"\(role)\",\"payload\":\(payload)}]")
    }

    private func dense(_ array: String) -> String { "{\"kind\":\"dense\",\"array\":\(array)}" }

    func testManifests() {
        XCTAssertEqual(parse("["), "c: manifest: is not valid JSON at byte 1: the document ends where a value is expected")
        XCTAssertEqual(parse("[]"), "c: manifest: is described by no object")
        XCTAssertEqual(parse(manifest(version: "2")), "c: manifest: version 2; 1 is what can be read")
        XCTAssertEqual(parse(manifest(version: "\"1\"")), "c: manifest: 'version' is no count")
        XCTAssertEqual(parse(manifest(format: "other")), "c: manifest: is that of another format")
        XCTAssertEqual(parse(manifest(generator: "1")), "c: manifest: 'generator' is no string")
        XCTAssertEqual(parse(manifest(provenance: "{}")), "c: manifest: 'provenance' is no array")
        XCTAssertEqual(parse(manifest(provenance: "[1]")), "c: manifest: 'provenance' has an entry that is no pair")
        XCTAssertEqual(parse(manifest(provenance: "[[\"a\",1]]")), "c: manifest: 'provenance' has no string for 'a'")
        XCTAssertEqual(parse(manifest(more: ",\"colour\":1")), "c: manifest: has the unknown member 'colour'")
        XCTAssertEqual(parse(manifest(ties: "[[\"a\",\"b\"],[\"a\",\"c\"]]")), "c: ties: has 'a' twice")
        XCTAssertEqual(parse(manifest(metadata: "[[\"k\",{\"bool\":true}],[\"k\",{\"bool\":true}]]")), "c: metadata: has 'k' twice")
        XCTAssertEqual(parse(manifest(metadata: "[[\"k\",1]]")), "c: metadata 'k': has no typed value")
        func long(_ type: String, _ part: String) -> String {
            manifest(metadata: "[[\"k\",{\"longArray\":{\"type\":\"\(type)\",\"count\":0,\"part\":\(part)}}]]")
        }
        XCTAssertEqual(parse(long("array", part())), "c: metadata 'k': is an array of no known type")
        XCTAssertEqual(parse(long("uint32", part("\"gaps\""))), "c: metadata 'k': has an encoding that uint32 elements cannot have")
        func file(_ name: String, _ encoding: String = "\"raw\"") -> String {
            manifest(attachments: "[{\"name\":\"\(name)\",\"part\":\(part(encoding))}]")
        }
        XCTAssertEqual(parse(file("../x")), "c: attachments: '../x' is no plain file name")
        XCTAssertEqual(parse(file("x", "\"gaps\"")), "c: attachments: 'x' is not encoded raw")
        XCTAssertEqual(
            parse(manifest(attachments: "[{\"name\":\"x\",\"part\":\(part())},{\"name\":\"x\",\"part\":\(part())}]")),
            "c: attachments: has 'x' twice")
    }

    func testTensors() {
        let sound = dense(array(part()))
        XCTAssertEqual(parse(manifest(tensors: "[{}]")), "c: tensors: has an entry without a name")
        XCTAssertEqual(parse(tensor(sound, role: "king")), "c: tensor 't': has the role 'king'")
        XCTAssertEqual(parse(tensor(sound, shape: "[-1]")), "c: tensor 't': 'shape' is no shape of at most 8 dimensions")
        XCTAssertEqual(parse(tensor(sound, shape: "[1.5]")), "c: tensor 't': 'shape' is no shape of at most 8 dimensions")
        XCTAssertEqual(parse(tensor(sound, dtype: "F3")), "c: tensor 't': has dtype F3, which cannot be carried")
        XCTAssertEqual(parse(tensor("{}")), "c: tensor 't': has no kind")
        XCTAssertEqual(parse(tensor("{\"kind\":\"tucker\"}")), "c: tensor 't': is of kind 'tucker', which cannot be read")
        var deep = sound
        for _ in 0..<20 { deep = "{\"kind\":\"composite\",\"terms\":[\(deep)]}" }
        XCTAssertTrue(parse(tensor(deep)).hasSuffix("has payloads more than \(StoredPayload.maximumDepth) deep"))
        XCTAssertEqual(parse(tensor(dense(array(part(), shape: "[1]")))), "c: tensor 't': F32 [1] does not need 0 bytes")
        XCTAssertEqual(parse(tensor(dense(array(part("{\"planes\":2}"))))), "c: tensor 't': F32 in planes of width 2")
        XCTAssertEqual(parse(tensor(dense(array(part("\"gaps\""))))), "c: tensor 't': an array is encoded as codes or positions")
        XCTAssertEqual(parse(tensor(dense(array(part("\"huffman\""))))), "c: tensor 't': has the encoding 'huffman', which cannot be read")
        XCTAssertEqual(
            parse(tensor(dense(array(part("{\"huffman\":1}"))))), "c: tensor 't': has the encoding 'huffman', which cannot be read")
        XCTAssertEqual(parse(tensor(dense(array(part("1"))))), "c: tensor 't': has no encoding")
        XCTAssertEqual(parse(tensor(dense(array(part("{\"planes\":3}"))))), "c: tensor 't': has planes of a width that is not 2, 4 or 8")
        XCTAssertEqual(
            parse(tensor(dense(array(part("{\"packed\":{\"low\":0,\"radix\":17,\"escapes\":false}}"))))),
            "c: tensor 't': packs codes from 0 in base 17")
        XCTAssertEqual(
            parse(tensor(dense(array(part("{\"packed\":{\"low\":0,\"radix\":2,\"escapes\":0}}"))))),
            "c: tensor 't': 'escapes' is neither true nor false")
        func adaptive(_ columns: Int, _ center: Int, _ trellis: String = "false") -> String {
            parse(tensor(dense(array(part("{\"adaptive\":{\"columns\":\(columns),\"center\":\(center),\"trellis\":\(trellis)}}")))))
        }
        XCTAssertEqual(adaptive(0, 0), "c: tensor 't': has rows of 0 codes around 0")
        XCTAssertEqual(adaptive(1_048_577, 0), "c: tensor 't': has rows of 1048577 codes around 0")
        XCTAssertEqual(adaptive(1, 256), "c: tensor 't': has rows of 1 codes around 256")
        XCTAssertEqual(adaptive(1, 0, "1"), "c: tensor 't': 'trellis' is neither true nor false")
        XCTAssertEqual(adaptive(4, 0), "c: tensor 't': an array is encoded as codes or positions")
        XCTAssertEqual(parse(tensor(dense(array(part(frames: "[[1]]"))))), "c: tensor 't': 'frames' has an entry that is no pair of sizes")
        XCTAssertEqual(parse(tensor(dense(array(part(digest: "00"))))), "c: tensor 't': 'digest' is no digest of 32 digits")
        let name = "{\"name\":\"t\",\"shape\":[0],\"dtype\":\"F32\",\"role\":\"unknown\",\"payload\":\(sound)}"
        XCTAssertEqual(parse(manifest(tensors: "[\(name),\(name)]")), "c: tensors: has 't' twice")
    }

    func testTiling() {
        func tiled(_ part: String, shape: String = "[0]", dtype: String = "F32") -> String {
            parse(tensor(dense(array(part, dtype: dtype, shape: shape))), tiling: true)
        }
        func message(_ part: Part, limit: Int = 1000) -> String? { part.defect(limit: limit) }
        func numbers(
            _ encoding: PartEncoding = .raw, bytes: Int = 16, chunk: Int = 4096, offset: Int = 36, frames: [(Int, Int)] = [(40, 16)]
        ) -> Part {
            let zero = ContentDigest(high: 0, low: 0)
            return Part(
                encoding: encoding, byteCount: bytes, chunkByteCount: chunk, offset: offset,
                frames: frames.map { Part.Frame(storedByteCount: $0.0, contentByteCount: $0.1) }, digest: zero, storedDigest: zero)
        }
        XCTAssertNil(message(numbers()))
        XCTAssertEqual(message(numbers(.planes(width: 4), bytes: 15)), "has 15 bytes in elements of 4")
        XCTAssertEqual(message(numbers(chunk: 0)), "has chunks of 0 bytes; multiples of 1 to 16777216 are allowed")
        XCTAssertEqual(message(numbers(frames: [])), "has 0 frames for 1 chunks")
        XCTAssertEqual(message(numbers(offset: 35)), "begins at 35, outside the parts' 1000 bytes")
        XCTAssertEqual(message(numbers(frames: [(40, 17)])), "frame 0 declares 17 bytes of content for a chunk of 16")
        XCTAssertEqual(message(numbers(frames: [(965, 16)])), "frame 0 declares 16 bytes of content in 965, 964 are left")
        XCTAssertEqual(tiled(part(offset: "37")), "c: tensor 't': begins at 37, outside the parts' 36 bytes")
        let manifest = Manifest(tensors: [])
        XCTAssertEqual(
            self.message { try manifest.checkTiling(manifestOffset: 40, path: "c") }, "c: manifest: 4 bytes before it belong to no part")
        let two = Manifest(attachments: [.init(name: "a", part: numbers()), .init(name: "b", part: numbers())])
        XCTAssertEqual(
            self.message { try two.checkTiling(manifestOffset: 116, path: "c") },
            "c: attachment 'b': begins at 36; the part before it ends at 76")
    }

    // MARK: - Content

    func testEncodings() {
        func decode(_ coding: any ChunkCoding, _ frame: [UInt8], _ count: Int, line: UInt = #line) -> String {
            var out = [UInt8](repeating: 0, count: count)
            return message(
                { try out.withUnsafeMutableBytes { out in try frame.withUnsafeBytes { try coding.decode([$0], into: out) } } }, line: line)
        }
        XCTAssertTrue(decode(GapCoding(), [16], 2).hasSuffix("has a gap that ends at bit 16 of 16"))
        XCTAssertTrue(decode(GapCoding(), [255], 64).hasSuffix("ends inside a gap"))
        let plain = PackedCodes(low: 0, radix: 3, escapes: false), escaping = PackedCodes(low: 0, radix: 16, escapes: true)
        XCTAssertTrue(decode(plain, [], 1).hasSuffix("has 0 bytes for 1 codes"))
        XCTAssertTrue(decode(plain, [243], 5).hasSuffix("byte 0 is no number of base 3"))
        XCTAssertTrue(decode(escaping, [0xFF, 20], 2).hasSuffix("has fewer escaped codes than escapes"))
        XCTAssertTrue(decode(escaping, [0x0F, 3], 2).hasSuffix("escapes a code that has a digit"))
        XCTAssertTrue(decode(escaping, [0x00, 3], 2).hasSuffix("has 1 bytes after its codes"))
    }

    func testLongArrays() {
        func values(_ bytes: [UInt8], _ type: MetadataType, _ count: Int, line: UInt = #line) -> String {
            message(
                { _ = try bytes.withUnsafeBytes { try LongArrayContent.values($0, type, count: count, path: "c", object: "k") } },
                line: line)
        }
        XCTAssertEqual(values([1, 2, 3], .uint32, 1), "c: k: 1 elements in 3 bytes")
        XCTAssertEqual(values([1], .uint8, -1), "c: k: -1 elements in 1 bytes")
        XCTAssertEqual(values([1, 2], .uint8, 1), "c: k: has 1 bytes after its elements")
        XCTAssertEqual(values([2], .bool, 1), "c: k: has a bool of 2")
        XCTAssertEqual(values([9, 0, 0, 0], .string, 1), "c: k: needs 9 bytes at offset 4, 0 are left")
        XCTAssertEqual(values([1, 0, 0, 0, 0xFF], .string, 1), "c: k: is not valid UTF-8")
        XCTAssertEqual(values([0, 0, 0, 0], .array, 1), "c: k: has arrays as elements")
    }
}
