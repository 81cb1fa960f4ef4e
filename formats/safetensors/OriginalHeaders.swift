import FormatKit
import ModelGraph

/// The headers of the files that a graph was read from, for writing the same files again.
struct OriginalHeaders {
    private let graph: TensorGraph
    private let headers: [FileHeader]

    init(_ graph: TensorGraph) {
        self.graph = graph
        headers = graph.fileHeaders.filter { $0.format == SafetensorsFormat.formatName }
    }

    /// The graph with its headers, or without where it is written with the same ones anyway.
    var kept: TensorGraph {
        var graph = graph
        var options = WriteOptions()
        options.outputPath = headers.contains { $0.name.isEmpty } ? "a.safetensors" : "a"
        graph.fileHeaders = []
        let usual = try? SafetensorsLayout(graph, options)
        let isUsual = headers.count == 1 && usual?.shards.count == 1 && usual?.shards.first?.header == headers[0].bytes
        if !isUsual { graph.fileHeaders = headers }
        return graph
    }

    /// Files with these headers and a folder's index; nil where they are not those of the tensors, or say something else than the graph.
    ///
    /// - Parameter tensors: of all files, in any order.
    func layout(
        of tensors: [SafetensorsLayout.Member], isFolder: Bool, _ path: String
    ) -> (shards: [SafetensorsLayout.Shard], index: [UInt8]?)? {
        guard !headers.isEmpty, headers.allSatisfy({ $0.name.isEmpty != isFolder }) else { return nil }
        var left = Dictionary(tensors.map { ($0.name, $0.dense) }) { first, _ in first }
        guard left.count == tensors.count else { return nil }
        var (shards, said, index) = ([SafetensorsLayout.Shard](), [String: String](), [UInt8]?.none)
        for header in headers {
            if header.name == SafetensorsFormat.indexName {
                index = header.bytes
                continue
            }
            guard header.name.isEmpty || FileName.isPlain(header.name) && header.name.hasSuffix(".safetensors"),
                let parsed = parsed(header, path)
            else { return nil }
            var members: [SafetensorsLayout.Member] = []
            for entry in parsed.entries {
                guard let dense = left.removeValue(forKey: entry.name), dense.dtype == entry.dtype, dense.shape == entry.shape else {
                    return nil
                }
                members.append((entry.name, dense))
            }
            for (key, value) in parsed.metadata where said[key] == nil { said[key] = value }
            let name = header.name.isEmpty ? SafetensorsFormat.singleName : header.name
            guard !shards.contains(where: { $0.name == name }) else { return nil }
            shards.append(
                SafetensorsLayout.Shard(
                    name: name, header: header.bytes, tensors: members, dataBytes: members.reduce(0) { $0 + $1.dense.byteCount }))
        }
        guard left.isEmpty, !shards.isEmpty, index != nil || shards.count == 1 || isSet(shards) else { return nil }
        let (strings, document) = SafetensorsLayout.said(of: graph, isFolder: isFolder)
        let ownDocument = document.isEmpty ? nil : document.text
        guard said.removeValue(forKey: SafetensorsReader.documentKey) == ownDocument, said == strings else { return nil }
        return (shards, index)
    }

    /// A header, which may come from a file and is trusted no more than one; that the tensors have the bytes which its offsets say follows from their
    /// types and shapes.
    private func parsed(_ header: FileHeader, _ path: String) -> SafetensorsHeader? {
        header.bytes.withUnsafeBytes { bytes in
            let parsed = try? SafetensorsHeader(bytes, isAlone: true, path: path)
            return parsed?.dataStart == bytes.count ? parsed : nil
        }
    }

    /// Whether shards without an index have names that say so: "…-00001-of-00002.safetensors".
    private func isSet(_ shards: [SafetensorsLayout.Shard]) -> Bool {
        shards.allSatisfy { $0.name.contains("-of-") }
    }
}
