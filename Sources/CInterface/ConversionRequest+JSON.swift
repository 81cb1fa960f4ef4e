import Caplet

extension ConversionRequest {
    /// What a JSON object asks for by the options of `caplet convert`.
    ///
    /// - Throws: `RequestError`.
    init(_ json: inout RequestReader) throws {
        self.init(model: try json.neededText("model"), output: try json.neededText("output"))
        format = try json.text("from")
        outputFormat = try json.text("to")
        byteDType = try json.choice("byte_dtype", ["f8_e4m3", "f8_e5m2"]) { ["f8_e4m3": .f8E4M3, "f8_e5m2": .f8E5M2][$0] }
        try readStorage(&json)
        importancePath = try json.text("imatrix")
        try readAdapter(&json)
        visionPath = try json.text("mmproj")
        let everything = try json.flag("dequantize") ?? false, fp8 = try json.flag("dequantize_fp8") ?? false
        dequantization = everything ? .every : fp8 ? .fp8 : nil
        maximumShardBytes = try json.byteCount("max_shard_size")
        do {
            metadataEdits = try json.texts("metadata").map(MetadataEdit.init(parsing:))
        } catch let failure as MetadataEdit.Failure {
            throw RequestError(.usage, "\"metadata\": \(failure)")
        }
        byteOrder = try json.choice("endian", ["little", "big"]) { ["little": .little, "big": .big][$0] } ?? .little
        forcesNames = try json.flag("force_names") ?? false
        embedsFiles = try json.flag("embed_files")
        replacesOutput = try json.flag("force") ?? false
    }

    private mutating func readStorage(_ json: inout RequestReader) throws {
        let names = FloatStorage.names + GGUFMixture.allCases.map(\.rawValue)
        if let dtype = try json.choice(
            "dtype", names, { FloatStorage(name: $0) != nil || GGUFMixture(rawValue: $0.lowercased()) != nil ? $0 : nil })
        {
            storage = FloatStorage(name: dtype)
            mixture = GGUFMixture(rawValue: dtype.lowercased())
        }
        tensorStorage = try json.texts("tensor_type").map { text in
            let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let pattern = NamePattern(parts[0]), let storage = FloatStorage(name: parts[1]) else {
                throw RequestError(
                    .usage, "\"tensor_type\" takes PATTERN=DTYPE with one of \(FloatStorage.names.joined(separator: ", ")), not '\(text)'")
            }
            return GGUFQuantization.Exception(pattern, storage)
        }
    }

    private mutating func readAdapter(_ json: inout RequestReader) throws {
        let isAdapter = try json.choice("as", ["model", "lora"]) { ["model": false, "lora": true][$0] } ?? false
        let path = try json.text("adapter")
        let adapterNames = ["f32", "f16", "bf16", "q8_0"]
        let adapterStorage = try json.choice("adapter_dtype", adapterNames) {
            adapterNames.contains($0.lowercased()) ? FloatStorage(name: $0) : nil
        }
        guard isAdapter else {
            if path != nil { throw RequestError(.usage, "\"adapter\" goes with \"as\": \"lora\"") }
            return
        }
        var options = AdapterOptions()
        options.path = path
        options.storage = adapterStorage ?? options.storage
        adapter = options
    }
}
