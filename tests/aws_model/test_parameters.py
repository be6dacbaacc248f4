import pytest


@pytest.fixture(scope="module")
def ssm(checked):
    return checked("ssm")


def test_parameters_are_put_and_read(ssm, fails):
    assert ssm.put_parameter(Name="/hello/greeting", Type="String", Value="hi")["Version"] == 1
    assert fails(ssm.put_parameter, Name="/hello/greeting", Type="String", Value="ho") == "ParameterAlreadyExists"
    assert ssm.put_parameter(Name="/hello/greeting", Value="ho", Overwrite=True)["Version"] == 2
    ssm.put_parameter(Name="subnets", Type="StringList", Value="a,b")
    ssm.put_parameter(Name="/hello/password", Type="SecureString", Value="psst")
    names = ["/hello/greeting", "/hello/greeting:1", "subnets", "/hello/password", "/none"]
    answer = ssm.get_parameters(Names=names)
    found = {each["Name"] + each.get("Selector", ""): (each["Type"], each["Value"]) for each in answer["Parameters"]}
    assert found["/hello/greeting"] == ("String", "ho")
    assert found["/hello/greeting:1"] == ("String", "hi")
    assert found["subnets"] == ("StringList", "a,b")
    assert found["/hello/password"][0] == "SecureString" and found["/hello/password"][1] != "psst"
    assert answer["InvalidParameters"] == ["/none"]
    assert ssm.get_parameters(Names=["/hello/password"], WithDecryption=True)["Parameters"][0]["Value"] == "psst"
    arn = ssm.get_parameters(Names=["subnets"])["Parameters"][0]["ARN"]
    assert ssm.get_parameters(Names=[arn])["Parameters"][0]["Name"] == "subnets"
    ssm.delete_parameter(Name="subnets")
    assert ssm.get_parameters(Names=["subnets"])["InvalidParameters"] == ["subnets"]
    assert fails(ssm.delete_parameter, Name="subnets") == "ParameterNotFound"
    assert fails(ssm.put_parameter, Name="no spaces", Type="String", Value="x") == "ValidationException"


def test_there_are_no_exports_without_stacks(checked):
    assert checked("cloudformation").list_exports()["Exports"] == []
    assert checked("cloudformation").describe_stacks()["Stacks"] == []
