"""What is known of each file: the sha256 of the file, and where a public copy lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """A public address, the member if it is a zip, and the sha256 of the unpacked content."""

    address: str
    sha256: str
    member: str | None = None


SHA256: dict[str, str] = {
    "tinyshakespeare.txt.gz": "13125fe8f49092165d7d489e3944db52d1ba546e64a60080cc9523bcd0c5e46a",
    "lobster_AMZN_2012-06-21_message_1.csv.gz": "987e098d283b1854c7377bc9800fec1dca056ad5afc02f7728ef63f799841ccf",
    "lobster_AMZN_2012-06-21_orderbook_1.csv.gz": "d10d72005453a1993be69c90b27d9e15730e6bd8e591eeba614089223349888a",
    "lobster_AMZN_2012-06-21_message_5.csv.gz": "c611fca879b890b7652882eb71c313ad6fe700a74de18f615f99d2d9588c2832",
    "lobster_AMZN_2012-06-21_orderbook_5.csv.gz": "53cd12ae325b2d1d7f48df56e02657972b271bfd0afdcffe62ce7e613ef3bf27",
    "jena_2020_standardised_part.npz": "7a5278ee18d307b41f5b3ef9b70d8dc6f30ab0a6c6009bad52ab3a8595640e81",
    "au_temperature_5cities_halfhourly.npz": "94ee346e3f3a61222b4f4555a27c4dfaed4b44628d09b08a1e2aa715d36ac498",
    "beijing_pm25_2010_2014.csv.gz": "c0e2abe02cdcd7f11d66f3fe8863f8b4795ee1ea301043fe8523e5a0e61d3157",
    "ETTh1.csv.gz": "f1141f82f9d46968f05afa77ba16abfc4f790fe07583f9de06bb685b29a5411f",
    "ETTm1.csv.gz": "a3d8dc1454f3762c72f6a3b5c56cf852077724ec52f5316896f17c937474cde7",
    "vic_elec_2012_2014.csv.gz": "6c475ed236c3f04d459ad9489b45eb7d5f39fa187f1c08f6014eb07f5d4d9596",
    "santafe_laser_A.npz": "a713573bc80195b09a8530456da2972a0f56dcbfe3d498453a89b8aa1e773163",
    "sunspots_monthly_SILSO.csv.gz": "1bd2ebeb59a810e0c096a1d2bc1898bcc6eb1b5a2abeccc8eb7ddf9b424a133f",
    "ecg_mitbih208.npz": "7b6dec1a5105689e10336a34714b064d16fb7192563c4a3914389caaea3a04e9",
    "japanese_vowels.npz": "8cb4e25bde2d87d1ae0be70a89f5778de17783c81f7340748c60869a9be4f2ee",
    "basic_motions.npz": "4682a5ce50803d0e9d800e51b1ade7a24ecc4f1455a4f136c9bacfab7f2d4109",
    "opendpd_APA_200MHz.npz": "59929360c27923233945ba376ea22c2e2a512c970e19b62dea570c3bebfb6b77",
    "opendpd_APA_200MHz_b.npz": "a09ed3596d376a518976dcb7e65e7abdf2cfb2a8ae274f8c7b3a49b0d7b8c0eb",
    "opendpd_DPA_100MHz.npz": "b28940da03c71311ca7b0c15a234a6fe767838e0c5f3550f5c56c2dc996e9353",
    "opendpd_DPA_160MHz.npz": "c6d7a0d7ca6aabeae615753f242b7c45112ba88b4e27553ea0a99218233d6fca",
    "fullduplex_SI_20MHz_10dBm.npz": "899539fb183ebeb31c02fa76be58be7be8f4aee43c9e4ecbf53f0706523bd61a",
    "wiener_hammerstein_2009.npz": "de3157e07127b93d49c7665ad0c9314397e080344033ad161530e7b7e87fd192",
    "silverbox_SNLS80mV.npz": "d08e326cc834e9fe05e6e721e279de48115df03f972e279ed99e6f22760eab21",
    "cascaded_tanks.npz": "dcddadae5fc1ab9d4b900fc2f55a1cb2282b64fc6bd7f2f2084ff898a6b613b8",
    "emps.npz": "c2b0140520747a0d38d75e3888c31b39028ed4aa372610b8e9ccaf9dfc39796a",
    "dc_motor_generator.npz": "b8fa58ed51b75d211778eedcd59ef7ce2cddd7f183db22e7a65e8c7fc59bec9f",
}
"""File name in the data folder → sha256 of that file."""

DOWNLOADS: dict[str, Download] = {
    "tinyshakespeare.txt.gz": Download(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "lobster_AMZN_2012-06-21_message_1.csv.gz": Download(
        "https://lobsterdata.com/info/sample/LOBSTER_SampleFile_AMZN_2012-06-21_1.zip",
        "9506cea0aab42b2815e13d2f2485b39ef6c0aa212d1bb68f344a52f0a24475f5",
        "AMZN_2012-06-21_34200000_57600000_message_1.csv",
    ),
    "lobster_AMZN_2012-06-21_message_5.csv.gz": Download(
        "https://lobsterdata.com/info/sample/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
        "be35922a0a6e677d153b5e47dd63c0107a32ae35e3a15003eed089e19f0a882e",
        "AMZN_2012-06-21_34200000_57600000_message_5.csv",
    ),
    "lobster_AMZN_2012-06-21_orderbook_1.csv.gz": Download(
        "https://lobsterdata.com/info/sample/LOBSTER_SampleFile_AMZN_2012-06-21_1.zip",
        "7c0c4664935a661ec467358a0d1c7bd5ad4e17c8d895c9198af1de3b6e95764a",
        "AMZN_2012-06-21_34200000_57600000_orderbook_1.csv",
    ),
    "lobster_AMZN_2012-06-21_orderbook_5.csv.gz": Download(
        "https://lobsterdata.com/info/sample/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
        "e2d3408318ae76200eba27cb9b7cb326aeb73e933d45af261b7db6886051caae",
        "AMZN_2012-06-21_34200000_57600000_orderbook_5.csv",
    ),
}
"""File name → the public copy. The addresses could not be tried from the machines this was written on."""
